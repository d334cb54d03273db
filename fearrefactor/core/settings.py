"""What a run is allowed and told to do, beside its policy."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from fearrefactor.errors import LimitError

#: Which of the GOPs that were copied are decoded again before a result is published. Those that
#: were rendered always are.
VerifyMode = Literal["sampled", "full"]


#: What of a source is limited, and by which field of ``Limits``; the code is ``limit_`` and this.
LIMITED: Final = {
    "bytes": "max_bytes",
    "pixels": "max_pixels",
    "duration": "max_duration_s",
    "frames": "max_frames",
    "fps": "max_fps",
    "streams": "max_streams",
    "packets": "max_packets",
    "metadata": "max_metadata_bytes",
}


class Limits(BaseModel):
    """How large a source may be: one beyond any of these is refused.

    ``max_pixels`` is of one frame, as it is coded; ``max_fps`` of frames shown within one second;
    ``max_packets`` of all streams together; ``max_metadata_bytes`` of tags and chapters, unpacked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=64 << 30, gt=0)
    max_pixels: int = Field(default=8192 * 4352, gt=0)
    max_duration_s: float = Field(default=24 * 3600, gt=0)
    max_frames: int = Field(default=2_000_000, gt=0)
    max_fps: float = Field(default=480, gt=0, allow_inf_nan=False)
    max_streams: int = Field(default=64, gt=0)
    max_packets: int = Field(default=10_000_000, gt=0)
    max_metadata_bytes: int = Field(default=4 << 20, gt=0)

    def check(self, name: str, found: float, told: str) -> None:
        """Hold what was found against the limit ``name``, a key of ``LIMITED``.

        Raises:
            LimitError: it is more; ``told`` says of what, for people.
        """
        field = LIMITED[name]
        allowed = getattr(self, field)
        if found > allowed:
            raise LimitError(
                f"{told}: more than {allowed} (limit {field}; --limit {name}=NUMBER allows more)",
                code=f"limit_{name}",
            )


class RenderSettings(BaseModel):
    """How rendered frames are encoded; part of ``work_id``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crf: int = Field(default=23, ge=0, le=51)
    preset: str = "veryfast"


class CutSettings(BaseModel):
    """How a video is cut: whole closed GOPs until a segment has this many frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_segment_frames: int = Field(default=240, gt=0)


class ChildSettings(BaseModel):
    """What the process that parses a source may take, and how well it must be locked in.

    ``max_memory_bytes`` is its whole address space; ``patience`` multiplies the time that each step
    has. With ``require_sandbox`` a machine that cannot lock it in does no work; without it, a
    video's report notes what is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_memory_bytes: int = Field(default=8 << 30, gt=0)
    patience: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    require_sandbox: bool = False

"""What a run is allowed and told to do, beside its policy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: Which of the GOPs that were copied are decoded again before a result is published. Those that
#: were rendered always are.
VerifyMode = Literal["sampled", "full"]


class Limits(BaseModel):
    """A source beyond one of these is refused with the code ``limit_exceeded``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: int = Field(default=8192 * 4352, gt=0)
    max_frames: int = Field(default=2_000_000, gt=0)
    max_duration_s: float = Field(default=24 * 3600, gt=0)
    max_streams: int = Field(default=64, gt=0)


class RenderSettings(BaseModel):
    """How rendered frames are encoded; part of ``work_id``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crf: int = Field(default=23, ge=0, le=51)
    preset: str = "veryfast"


class CutSettings(BaseModel):
    """How a video is cut: whole closed GOPs until a segment has this many frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_segment_frames: int = Field(default=240, gt=0)

"""What a video is: its properties, its frames on the timeline, its segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from fearrefactor.core.timeline import Ratio, Span, seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StreamInfo(BaseModel):
    """One stream of the source. ``kept`` says whether the output carries it."""

    model_config = ConfigDict(frozen=True)

    index: int
    kind: str
    codec: str
    language: str | None = None
    kept: bool
    why: str = ""


class VideoInfo(BaseModel):
    """Properties of a source and of the one video stream that is masked.

    ``width_px`` and ``height_px`` are coded sizes; ``upright_*`` are after the display matrix.
    ``rotation_deg`` is how far the picture is to be turned clockwise to stand upright.
    """

    model_config = ConfigDict(frozen=True)

    container: str
    is_image: bool
    codec: str
    stream_index: int
    width_px: int
    height_px: int
    pix_fmt: str
    rotation_deg: int
    sample_aspect_ratio: Ratio
    time_base: Ratio
    rate: Ratio
    duration_s: float
    interlaced: bool
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    bit_rate: int
    n_frames_from_header: int
    size_bytes: int
    streams: tuple[StreamInfo, ...]
    n_chapters: int
    unusual: tuple[str, ...] = ()

    @property
    def upright_width_px(self) -> int:
        """Width of the upright picture in source pixels."""
        return self.height_px if self.rotation_deg in {90, 270} else self.width_px

    @property
    def upright_height_px(self) -> int:
        """Height of the upright picture in source pixels."""
        return self.width_px if self.rotation_deg in {90, 270} else self.height_px

    @property
    def display_aspect(self) -> float:
        """Width over height of the upright picture as it is shown."""
        shown = float(self.sample_aspect_ratio) * self.width_px / self.height_px
        return 1 / shown if self.rotation_deg in {90, 270} else shown


class Segment(BaseModel):
    """A run of whole closed GOPs: decodable alone.

    ``first_frame`` counts frames in presentation order over the whole video; ``start_dts`` is the
    decode time of its first packet, by which it is found again in the file.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    first_frame: int
    n_frames: int
    n_packets: int
    start_dts: int
    start_pts: int
    end_pts: int

    @property
    def span(self) -> Span:
        """Presentation times of its frames."""
        return Span(self.start_pts, self.end_pts)

    @property
    def end_frame(self) -> int:
        """One past its last frame."""
        return self.first_frame + self.n_frames


@dataclass(frozen=True)
class VideoIndex:
    """A source after one guarded pass over its packets.

    ``pts``: ``(n_frames,)`` int64, ascending, in ``info.time_base``; ``n_packets`` counts the video
    packets including those that are never shown.
    """

    info: VideoInfo
    segments: tuple[Segment, ...]
    pts: NDArray[np.int64]
    n_packets: int

    def __post_init__(self) -> None:
        if self.pts.ndim != 1 or self.pts.dtype != np.int64:
            msg = f"expected pts (n_frames,) int64, got {self.pts.shape} {self.pts.dtype}"
            raise ValueError(msg)
        if self.pts.size > 1 and not bool(np.all(np.diff(self.pts) > 0)):
            msg = "expected strictly ascending pts"
            raise ValueError(msg)
        covered = sum(segment.n_frames for segment in self.segments)
        if covered != self.n_frames:
            msg = f"expected segments to cover {self.n_frames} frames, they cover {covered}"
            raise ValueError(msg)

    @property
    def n_frames(self) -> int:
        """How many frames are presented."""
        return int(self.pts.size)

    def time_s(self, frame_index: int) -> float:
        """Seconds from the zero of the source's clock to a frame."""
        return seconds(int(self.pts[frame_index]), self.info.time_base)

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
    display_matrix: tuple[int, ...] | None
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
    alpha: bool
    n_hidden_frames: int

    @property
    def unusual(self) -> tuple[str, ...]:
        """What sets this file apart from an ordinary one, in words."""
        facts = {
            f"turned by {self.rotation_deg}°": self.rotation_deg != 0,
            f"pixels are {self.sample_aspect_ratio} wide": self.sample_aspect_ratio != 1,
            "interlaced": self.interlaced,
            "has transparency": self.alpha,
            f"{self.n_hidden_frames} packets are never shown": self.n_hidden_frames > 0,
            "odd size": bool(self.width_px % 2 or self.height_px % 2),
            f"pixel format {self.pix_fmt}": self.pix_fmt not in {"yuv420p", "yuvj420p"},
        }
        left_out = [f"{s.kind} stream {s.index} left out: {s.why}" for s in self.streams if s.why]
        return (*(fact for fact, true in facts.items() if true), *left_out)

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

    ``first_frame`` counts frames in presentation order over the whole video; ``start_pts`` is the
    time of its key frame, by which it is found again in the file. ``n_packets`` counts packets in
    decode order, those that are never shown included.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    first_frame: int
    n_frames: int
    n_packets: int
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
class SegmentTask:
    """A segment with all that decoding it needs beside the source.

    ``pts``: ``(segment.n_frames,)`` int64, the times that the index promised.
    """

    info: VideoInfo
    segment: Segment
    pts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.pts.shape != (self.segment.n_frames,):
            msg = f"expected {self.segment.n_frames} times, got {self.pts.shape}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Canvas:
    """What masks are laid on: the upright picture's size and the time of each frame.

    ``times_s``: ``(n_frames,)`` float64, ascending, seconds from the video's first frame.
    """

    width_px: int
    height_px: int
    times_s: NDArray[np.float64]

    @property
    def n_frames(self) -> int:
        """How many frames are presented."""
        return int(self.times_s.size)

    @property
    def frames_per_s(self) -> float:
        """On average over the video; 0 for a picture."""
        if self.n_frames < 2:
            return 0.0
        return float((self.n_frames - 1) / (self.times_s[-1] - self.times_s[0]))


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

    def task(self, segment: Segment) -> SegmentTask:
        """One of its segments, ready to be sent to a worker."""
        times = self.pts[segment.first_frame : segment.end_frame]
        return SegmentTask(self.info, segment, times)

    def tasks(self) -> list[SegmentTask]:
        """All of its segments, in order."""
        return [self.task(segment) for segment in self.segments]

    @property
    def canvas(self) -> Canvas:
        """Upright size, and seconds from the first frame."""
        times = (self.pts - self.pts[:1]).astype(np.float64) * float(self.info.time_base)
        return Canvas(self.info.upright_width_px, self.info.upright_height_px, times)

    def time_s(self, frame_index: int) -> float:
        """Seconds from the zero of the source's clock to a frame."""
        return seconds(int(self.pts[frame_index]), self.info.time_base)

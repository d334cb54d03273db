"""What a video is: its properties, its frames on the timeline, its segments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.h264_stream import H264Stream  # noqa: TC001 - pydantic reads it at run time
from fearrefactor.core.hdr import ContentLight, MasteringDisplay  # noqa: TC001 - pydantic
from fearrefactor.core.timeline import Ratio, Span, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fearrefactor.core.gops import Gops


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

    ``brand`` tells formats of a family apart: "qt" for QuickTime's own, "webm", "matroska".
    ``width_px`` and ``height_px`` are coded sizes; ``upright_*`` are after the display matrix.
    ``rotation_deg`` is how far the picture is to be turned clockwise to stand upright.
    ``whole_because`` says why rendered GOPs cannot stand beside copied ones; empty if they can.
    ``layered``: beside each picture stand others, of a second view or layer, that nobody inspects.
    ``needs_dolby_vision``: nothing can be shown without that metadata. ``left_behind`` names what
    rendered frames lose. ``quantiser`` is the mean one of the first frame.
    ``quantiser`` is the mean of the first frame of H.264: the larger, the coarser it is coded.
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
    h264: H264Stream | None = None
    whole_because: str = ""
    top_field_first: bool = False
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None
    dolby_vision: bool = False
    needs_dolby_vision: bool = False
    left_behind: tuple[str, ...] = ()
    layered: bool = False
    brand: str = ""
    quantiser: float | None = None

    @property
    def unusual(self) -> tuple[str, ...]:
        """What sets this file apart from an ordinary one, in words."""
        facts = {
            f"turned by {self.rotation_deg}°": self.rotation_deg != 0,
            f"pixels are {self.sample_aspect_ratio} wide": self.sample_aspect_ratio != 1,
            "interlaced": self.interlaced,
            "has transparency": self.alpha,
            "Dolby Vision": self.dolby_vision,
            "a second view or layer, which is left out": self.layered,
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
    decode order, those that are never shown included; ``first_gop`` counts GOPs over the video.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    first_frame: int
    n_frames: int
    n_packets: int
    start_pts: int
    end_pts: int
    first_gop: int
    n_gops: int

    @property
    def span(self) -> Span:
        """Presentation times of its frames."""
        return Span(self.start_pts, self.end_pts)

    @property
    def end_frame(self) -> int:
        """One past its last frame."""
        return self.first_frame + self.n_frames

    @property
    def gops(self) -> slice:
        """Where its GOPs are among those of the video."""
        return slice(self.first_gop, self.first_gop + self.n_gops)


@dataclass(frozen=True)
class SegmentTask:
    """A segment with all that decoding and rendering it need beside the source.

    ``pts``: ``(segment.n_frames,)`` int64, the times that the index promised; ``gops`` are those of
    the segment.
    """

    info: VideoInfo
    segment: Segment
    pts: NDArray[np.int64]
    gops: Gops

    def __post_init__(self) -> None:
        if self.pts.shape != (self.segment.n_frames,):
            msg = f"expected {self.segment.n_frames} times, got {self.pts.shape}"
            raise ValueError(msg)
        if len(self.gops) != self.segment.n_gops:
            msg = f"expected {self.segment.n_gops} GOPs, got {len(self.gops)}"
            raise ValueError(msg)

    def part(self, first: int, end: int) -> SegmentTask:
        """The task of some of its GOPs, ``range(first, end)``, counted from its first one."""
        gops = self.gops.between(first, end)
        segment = _segment(self.segment.index, gops, self.segment.first_gop + first)
        start = int(gops.first_frame[0]) - self.segment.first_frame
        return SegmentTask(self.info, segment, self.pts[start : start + segment.n_frames], gops)


@dataclass(frozen=True)
class VideoIndex:
    """A source after one guarded pass over its packets.

    ``pts``: ``(n_frames,)`` int64, ascending, in ``info.time_base``; ``gops`` and ``segments`` both
    cover all of the video.
    """

    info: VideoInfo
    segments: tuple[Segment, ...]
    pts: NDArray[np.int64]
    gops: Gops

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
        if int(self.gops.first_frame[-1]) != self.n_frames:
            msg = f"expected GOPs of {self.n_frames} frames, got {self.gops.first_frame[-1]}"
            raise ValueError(msg)

    @property
    def n_frames(self) -> int:
        """How many frames are presented."""
        return int(self.pts.size)

    @property
    def n_packets(self) -> int:
        """How many video packets there are, those that are never shown included."""
        return int(self.gops.first_packet[-1])

    def to_render(self, masked_frames: Iterable[int], *, whole: bool = False) -> NDArray[np.bool_]:
        """``(n_gops,)`` bool: which GOPs are rendered; the others are copied.

        All of them are, if any is and ``whole`` or the source wants it so. An image is always
        rendered, because its metadata names places and devices, and so is what holds pictures that
        nobody has inspected.
        """
        dirty = self.gops.dirty(masked_frames)
        if (
            whole
            or self.info.is_image
            or self.info.layered
            or (self.info.whole_because and dirty.any())
        ):
            dirty[:] = True
        return dirty

    def task(self, segment: Segment) -> SegmentTask:
        """One of its segments, ready to be sent to a worker."""
        times = self.pts[segment.first_frame : segment.end_frame]
        gops = self.gops.between(segment.first_gop, segment.first_gop + segment.n_gops)
        return SegmentTask(self.info, segment, times, gops)

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


def cut(gops: Gops, min_frames: int) -> tuple[Segment, ...]:
    """Segments of whole GOPs, each of ``min_frames`` frames or more but for the last one."""
    starts = [0]
    for start in range(1, len(gops)):
        if gops.first_frame[start] - gops.first_frame[starts[-1]] >= min_frames:
            starts.append(start)
    return tuple(
        _segment(index, gops.between(start, end), start)
        for index, (start, end) in enumerate(pairwise([*starts, len(gops)]))
    )


def _segment(index: int, gops: Gops, first_gop: int) -> Segment:
    """All of ``gops`` as one segment."""
    return Segment(
        index=index,
        first_frame=int(gops.first_frame[0]),
        n_frames=int(gops.n_frames.sum()),
        n_packets=int(gops.n_packets.sum()),
        start_pts=int(gops.start_pts[0]),
        end_pts=int(gops.start_pts[-1]),
        first_gop=first_gop,
        n_gops=len(gops),
    )

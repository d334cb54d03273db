"""Values that tests need and do not care about, each one valid."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.core.detections import Detections
from fearrefactor.core.gops import Gops
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy import Effect, Rule
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import SKETCH
from fearrefactor.core.video import VideoIndex, VideoInfo, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CARD = ModelCard(
    name="toy",
    sha256="0" * 64,
    classes=("person", "dog", "bird", "teddy bear"),
    long_side=640,
    licence="none",
)


def video_info(**changes: Any) -> VideoInfo:
    """An ordinary H.264 film of 160 × 96 pixels."""
    ordinary: dict[str, Any] = {
        "container": "mov",
        "is_image": False,
        "codec": "h264",
        "stream_index": 0,
        "width_px": 160,
        "height_px": 96,
        "pix_fmt": "yuv420p",
        "rotation_deg": 0,
        "display_matrix": None,
        "sample_aspect_ratio": Fraction(1),
        "time_base": Fraction(1, 12288),
        "rate": Fraction(24),
        "duration_s": 2.0,
        "interlaced": False,
        "color_range": 1,
        "color_primaries": 1,
        "color_trc": 1,
        "colorspace": 1,
        "bit_rate": 50_000,
        "n_frames_from_header": 48,
        "size_bytes": 12_500,
        "streams": (),
        "n_chapters": 0,
        "alpha": False,
        "n_hidden_frames": 0,
    }
    return VideoInfo.model_validate(ordinary | changes)


def gops_of(lengths: Sequence[int], ticks: int = 1) -> Gops:
    """GOPs of so many frames each, all shown, ``ticks`` from one to the next, 100 bytes a frame."""
    edges = np.cumsum([0, *lengths], dtype=np.int64)
    return Gops(edges, edges, edges * ticks, edges * 100)


def video_index(lengths: Sequence[int], ticks: int = 1, **changes: Any) -> VideoIndex:
    """An index of segments of so many frames each, a GOP a segment."""
    gops = gops_of(lengths, ticks)
    pts = np.arange(sum(lengths), dtype=np.int64) * ticks
    return VideoIndex(video_info(**changes), cut(gops, 1), pts, gops)


def frame_by_frame(*classes: str, effect: str = "blur") -> Rule:
    """A rule that masks things in the frames in which they are seen, and in no other."""
    chosen = Effect.model_validate({"kind": effect})
    return Rule(classes=classes, effect=chosen, spread_frames=0, bridge_s=0, extend_s=0)


def detections(
    n_frames: int,
    rows: Sequence[tuple[int, int, float, tuple[float, float, float, float], NDArray[np.uint8]]],
    first_frame: int = 0,
) -> Detections:
    """Detections in ``n_frames`` frames; a row is (frame, class id, score, box, mask bits)."""
    return Detections(
        frames=np.arange(first_frame, first_frame + n_frames, dtype=np.int64),
        sketch=np.zeros((n_frames, SKETCH), np.uint8),
        checksum=np.zeros(n_frames, np.uint32),
        frame=np.array([row[0] for row in rows], np.int64),
        class_id=np.array([row[1] for row in rows], np.int32),
        score=np.array([row[2] for row in rows], np.float32),
        box=np.array([row[3] for row in rows], np.float32).reshape(-1, 4),
        mask=tuple(encode(row[4][None])[0] for row in rows),
        surround=np.full((len(rows), 3), 128, np.uint8),
    )

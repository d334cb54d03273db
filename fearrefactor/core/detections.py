"""What a model saw: a structure of arrays with its laws checked on construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.scenes import SKETCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.rle import Mask


@dataclass(frozen=True)
class Instances:
    """What a model found in one frame, in pixels of the model's input.

    ``boxes``: ``(n, 4)`` float32 xyxy; ``scores``: ``(n,)`` float32 in [0, 1];
    ``class_ids``: ``(n,)`` int32; ``masks``: ``(n, input_height / 4, input_width / 4)`` uint8.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    masks: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.class_ids.shape != (n,) or len(self.masks) != n:
            msg = (
                f"expected {n} boxes, classes and masks, got {self.boxes.shape}, "
                f"{self.class_ids.shape}, {self.masks.shape}"
            )
            raise ValueError(msg)
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            msg = "expected finite boxes and scores"
            raise ValueError(msg)
        if n and not (self.scores.min() >= 0 and self.scores.max() <= 1):
            msg = f"expected scores in [0, 1], got up to {self.scores.max()}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Detections:
    """All that was seen in a run of frames, and which frames were looked at.

    Frames inspected: ``frames`` ``(f,)`` int64, strictly ascending frame indices of the video; a
    frame that is not listed was not inspected and must not be published.
    ``sketch``: ``(f, SKETCH)`` uint8, a few means of each of them (see ``core/scenes``);
    ``checksum``: ``(f,)`` uint32, by which its picture is known again (see ``media/decode``).
    Instances, ordered by frame: ``frame`` ``(n,)`` int64, ``class_id`` ``(n,)`` int32, ``score``
    ``(n,)`` float32, ``box`` ``(n, 4)`` float32 xyxy in upright source pixels, ``mask``,
    ``surround`` ``(n, 3)`` uint8 RGB, the mean colour just around the mask.
    ``n_reused``: how many of ``frames`` were not given to the model, since they showed what the one
    before showed (see ``pipeline/reuse``); 0 of what was read from a log.
    """

    frames: NDArray[np.int64]
    sketch: NDArray[np.uint8]
    checksum: NDArray[np.uint32]
    frame: NDArray[np.int64]
    class_id: NDArray[np.int32]
    score: NDArray[np.float32]
    box: NDArray[np.float32]
    mask: tuple[Mask, ...]
    surround: NDArray[np.uint8]
    n_reused: int = 0

    def __post_init__(self) -> None:
        n = len(self.frame)
        shapes = (
            self.class_id.shape,
            self.score.shape,
            self.box.shape,
            len(self.mask),
            self.surround.shape,
        )
        if shapes != ((n,), (n,), (n, 4), n, (n, 3)):
            msg = f"expected {n} classes, scores, boxes, masks and surrounds, got {shapes}"
            raise ValueError(msg)
        if self.sketch.shape != (len(self.frames), SKETCH):
            msg = f"expected sketches ({len(self.frames)}, {SKETCH}), got {self.sketch.shape}"
            raise ValueError(msg)
        if self.checksum.shape != self.frames.shape or self.checksum.dtype != np.uint32:
            msg = (
                f"expected checksums ({len(self.frames)},) uint32, got {self.checksum.shape} "
                f"{self.checksum.dtype}"
            )
            raise ValueError(msg)
        if not 0 <= self.n_reused <= max(len(self.frames) - 1, 0):
            msg = f"expected less than {len(self.frames)} answers used again, got {self.n_reused}"
            raise ValueError(msg)
        if np.any(np.diff(self.frames) <= 0) or np.any(np.diff(self.frame) < 0):
            msg = "expected frames in ascending order"
            raise ValueError(msg)
        if not np.isin(self.frame, self.frames).all():
            msg = "expected every instance to lie in an inspected frame"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.frame)


def concatenate(parts: Sequence[Detections]) -> Detections:
    """Detections of runs of frames that follow each other, as one."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Detections(
            frames=none,
            sketch=np.zeros((0, SKETCH), np.uint8),
            checksum=none.astype(np.uint32),
            frame=none,
            class_id=none.astype(np.int32),
            score=none.astype(np.float32),
            box=np.zeros((0, 4), np.float32),
            mask=(),
            surround=np.zeros((0, 3), np.uint8),
        )
    return Detections(
        frames=np.concatenate([part.frames for part in parts]),
        sketch=np.concatenate([part.sketch for part in parts]),
        checksum=np.concatenate([part.checksum for part in parts]),
        frame=np.concatenate([part.frame for part in parts]),
        class_id=np.concatenate([part.class_id for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        box=np.concatenate([part.box for part in parts]),
        mask=tuple(mask for part in parts for mask in part.mask),
        surround=np.concatenate([part.surround for part in parts]),
        n_reused=sum(part.n_reused for part in parts),
    )


def join(parts: Sequence[Detections], n_frames: int) -> Detections:
    """Detections of all segments, in order, as one; proof that every frame was inspected.

    Raises:
        ValueError: a frame of ``range(n_frames)`` is missing, or was inspected twice.
    """
    frames = np.concatenate([part.frames for part in parts]) if parts else np.zeros(0, np.int64)
    if not np.array_equal(frames, np.arange(n_frames)):
        missing = np.setdiff1d(np.arange(n_frames), frames)
        msg = f"expected frames 0 to {n_frames - 1} inspected once each, got {len(frames)}" + (
            f"; first missing: {missing[0]}" if missing.size else ""
        )
        raise ValueError(msg)
    return concatenate(parts)

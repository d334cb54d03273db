"""One segment through the media child and the model: frames in, detections out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from fearrefactor.core.detections import Detections, concatenate
from fearrefactor.core.letterbox import fit
from fearrefactor.core.rle import encode
from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.vision.segmenter import Segmenter


class FrameBatch(Protocol):
    """Frames at the model's size: indices ``(n,)`` and pixels ``(n, height, width, 3)`` uint8."""

    @property
    def frames(self) -> NDArray[np.int64]:
        """Frame indices of the video."""
        ...

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Letterboxed RGB, valid until the next batch is asked for."""
        ...


class FrameSource(Protocol):
    """Whoever decodes: the media child, or a test's own."""

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """Frames of a segment in order, up to ``batch`` at a time."""
        ...


def detect_segment(
    source: FrameSource, task: SegmentTask, segmenter: Segmenter, batch: int
) -> Detections:
    """What the model sees in each frame of a segment.

    Raises:
        MediaError: the segment cannot be decoded.
        ModelError: the model answers rubbish, or not for every frame.
    """
    info = task.info
    box = fit(
        info.upright_width_px,
        info.upright_height_px,
        info.display_aspect,
        segmenter.card.long_side,
    )
    found: list[tuple[int, Instances]] = []
    for frames in source.frames(task, box, batch):
        answers = segmenter.segment(frames.pixels)
        if len(answers) != len(frames.frames):
            raise ModelError(
                f"model {segmenter.card.name} answered for {len(answers)} of "
                f"{len(frames.frames)} frames in segment {task.segment.index}"
            )
        found.extend(zip(frames.frames.tolist(), answers, strict=True))
    return _collect(found, box, len(segmenter.card.classes))


def _collect(found: list[tuple[int, Instances]], box: Letterbox, n_classes: int) -> Detections:
    """Instances of many frames, in input pixels, as one structure of arrays in source pixels."""
    parts: list[Detections] = []
    for frame, seen in found:
        if (
            len(seen.class_ids)
            and not 0 <= seen.class_ids.min() <= seen.class_ids.max() < n_classes
        ):
            raise ModelError(f"the model names class {seen.class_ids.max()} in frame {frame}")
        boxes = box.boxes_to_frame(seen.boxes)
        # What lies wholly in the padding is not in the picture.
        inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        parts.append(
            Detections(
                frames=np.array([frame], np.int64),
                frame=np.full(np.count_nonzero(inside), frame, np.int64),
                class_id=seen.class_ids[inside],
                score=seen.scores[inside],
                box=boxes[inside],
                mask=tuple(encode(box.crop_masks(seen.masks[inside]))),
            )
        )
    return concatenate(parts)

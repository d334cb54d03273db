"""One segment through the media child and the model: frames in, detections out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from fearrefactor.core.detections import Detections, concatenate
from fearrefactor.core.letterbox import CELL, fit
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import sketch, surrounds
from fearrefactor.errors import ModelError
from fearrefactor.vision.canary import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.vision.segmenter import Segmenter


class FrameBatch(Protocol):
    """Frames at the model's size.

    Indices ``(n,)``, pixels ``(n, height, width, 3)`` uint8, checksums ``(n,)`` uint32.
    """

    @property
    def frames(self) -> NDArray[np.int64]:
        """Frame indices of the video."""
        ...

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Letterboxed RGB, valid until the next batch is asked for."""
        ...

    @property
    def checksums(self) -> NDArray[np.uint32]:
        """Of the frames as they were decoded."""
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

    One that has a canary is shown it if it sees nothing in the last frame, or answers rubbish:
    that it is the frame's fault is believed only of a model that sees.

    Raises:
        MediaError: the segment cannot be decoded.
        ModelError: the model answers rubbish, or not for every frame.
        BlindModelError: it does not see what is known to be in a picture.
    """
    info = task.info
    box = fit(
        info.upright_width_px,
        info.upright_height_px,
        info.display_aspect,
        segmenter.card.long_side,
    )
    watched = segmenter if isinstance(segmenter, Watched) else None
    try:
        parts, sees_something = _all(source, task, segmenter, batch, box)
    except ModelError:
        if watched is not None:
            watched.prove(box.input_height, box.input_width)
        raise
    if watched is not None and not sees_something:
        watched.prove(box.input_height, box.input_width)
    return concatenate(parts)


def _all(
    source: FrameSource, task: SegmentTask, segmenter: Segmenter, batch: int, box: Letterbox
) -> tuple[list[Detections], bool]:
    """Detections frame by frame, and whether there was anything in the last one."""
    parts: list[Detections] = []
    sees_something = False
    for frames in source.frames(task, box, batch):
        answers = _answers(segmenter, frames.pixels)
        if len(answers) != len(frames.frames):
            raise ModelError(
                f"model {segmenter.card.name} answered for {len(answers)} of "
                f"{len(frames.frames)} frames in segment {task.segment.index}"
            )
        # Encoded at once: as bits, the masks of a long segment would fill the memory.
        told = zip(frames.frames.tolist(), answers, frames.pixels, strict=True)
        for n, (frame, seen, pixels) in enumerate(told):
            _check(seen, frame, box, segmenter.card)
            checksum = frames.checksums[n : n + 1]
            parts.append(_in_source(seen, frame, box, pixels, checksum))
            sees_something = bool(len(seen.scores))
    return parts, sees_something


def _answers(segmenter: Segmenter, pixels: NDArray[np.uint8]) -> list[Instances]:
    """What the model says; numbers that break the laws of ``Instances`` are its failure too."""
    try:
        return segmenter.segment(pixels)
    except ValueError as error:
        raise ModelError(f"model {segmenter.card.name} answered rubbish: {error}") from error


def _check(seen: Instances, frame: int, box: Letterbox, card: ModelCard) -> None:
    """A mask of another size would be laid over the wrong part of the picture, without a word."""
    cells = (box.input_height // CELL, box.input_width // CELL)
    if seen.masks.shape[1:] != cells or seen.masks.dtype != np.uint8:
        raise ModelError(
            f"model {card.name}: expected masks {cells} uint8 in frame {frame}, "
            f"got {seen.masks.shape[1:]} {seen.masks.dtype}"
        )
    ids, n_classes = seen.class_ids, len(card.classes)
    if len(ids) and not 0 <= ids.min() <= ids.max() < n_classes:
        raise ModelError(
            f"model {card.name}: expected classes 0 to {n_classes - 1} in frame {frame}, "
            f"got {ids.min()} to {ids.max()}"
        )


def _in_source(
    seen: Instances,
    frame: int,
    box: Letterbox,
    pixels: NDArray[np.uint8],
    checksum: NDArray[np.uint32],
) -> Detections:
    """Instances of one frame, in input pixels, as detections in source pixels."""
    picture = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    boxes = box.boxes_to_frame(seen.boxes)
    # What lies wholly in the padding is not in the picture.
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    masks = box.crop_masks(seen.masks[inside])
    return Detections(
        frames=np.array([frame], np.int64),
        sketch=sketch(picture)[None],
        checksum=checksum,
        frame=np.full(np.count_nonzero(inside), frame, np.int64),
        class_id=seen.class_ids[inside],
        score=seen.scores[inside],
        box=boxes[inside],
        mask=tuple(encode(masks)),
        surround=surrounds(masks, picture[CELL // 2 :: CELL, CELL // 2 :: CELL]),
    )

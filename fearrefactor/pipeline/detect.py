"""One segment through the media child and the model: frames in, detections out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fearrefactor.core.detections import Detections, concatenate
from fearrefactor.core.letterbox import CELL, fit
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import sketch, surrounds
from fearrefactor.errors import ModelError
from fearrefactor.pipeline.device_frames import DeviceBatch
from fearrefactor.pipeline.reuse import LONGEST_S, LastLook
from fearrefactor.vision.canary import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.rle import Mask
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


@dataclass(frozen=True)
class _Answer:
    """What the model saw in one picture, in source pixels; fields as in ``Detections``."""

    class_id: NDArray[np.int32]
    score: NDArray[np.float32]
    box: NDArray[np.float32]
    mask: list[Mask]
    surround: NDArray[np.uint8]


def detect_segment(
    source: FrameSource,
    task: SegmentTask,
    segmenter: Segmenter,
    batch: int,
    reuse_within: float = 0.0,
) -> Detections:
    """What the model sees in each frame of a segment.

    Frames that show what the last one that it was given showed have its answer: equal ones, and
    with ``reuse_within`` nearly equal ones (see ``LastLook``).

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
    look = _Look(task, segmenter, box, reuse_within)
    try:
        for frames in source.frames(task, box, batch):
            look.take(frames)
    except ModelError:
        if watched is not None:
            watched.prove(box.input_height, box.input_width)
        raise
    if watched is not None and not look.sees_something:
        watched.prove(box.input_height, box.input_width)
    return look.detections()


class _Look:
    """Collects what is seen in the frames of a segment, which come in order."""

    def __init__(
        self, task: SegmentTask, segmenter: Segmenter, box: Letterbox, reuse_within: float
    ) -> None:
        self._task = task
        self._segmenter = segmenter
        self._box = box
        self._last_look = LastLook(reuse_within, LONGEST_S / float(task.info.time_base))
        self._n_looked_at = 0
        self.sees_something = False  # in the last frame
        self._frames: list[NDArray[np.int64]] = []
        self._checksums: list[NDArray[np.uint32]] = []
        self._sketches: list[NDArray[np.uint8]] = []
        self._answers: list[_Answer] = []

    def take(self, frames: FrameBatch) -> None:
        """The next frames. They are gone when the next ones are asked for.

        Raises:
            ModelError: the model answers rubbish, or not for every frame.
        """
        box, pixels = self._box, frames.pixels
        shown_at = self._task.pts[frames.frames - self._task.segment.first_frame]
        wanted = self._last_look.to_look_at(pixels, shown_at)
        shown = frames.on_device if isinstance(frames, DeviceBatch) else pixels
        answers = iter(self._ask(shown if wanted.all() else shown[wanted]))
        across = slice(box.left, box.left + box.width)
        pictures = pixels[:, box.top : box.top + box.height, across]
        # Encoded at once: as bits, the masks of a long segment would fill the memory.
        told = zip(frames.frames.tolist(), wanted.tolist(), pictures, strict=True)
        for frame, is_new, picture in told:
            if is_new:
                seen = next(answers)
                _check(seen, frame, box, self._segmenter.card)
                self.sees_something = bool(len(seen.scores))
                self._answers.append(_in_source(seen, box, picture))
            else:
                self._answers.append(self._answers[-1])
            self._sketches.append(sketch(picture))
        self._frames.append(frames.frames)
        self._checksums.append(frames.checksums)

    def detections(self) -> Detections:
        """All of them."""
        if not self._answers:
            return concatenate([])
        answers, frames = self._answers, np.concatenate(self._frames)
        return Detections(
            frames=frames,
            sketch=np.stack(self._sketches),
            checksum=np.concatenate(self._checksums),
            frame=np.repeat(frames, [len(answer.score) for answer in answers]),
            class_id=np.concatenate([answer.class_id for answer in answers]),
            score=np.concatenate([answer.score for answer in answers]),
            box=np.concatenate([answer.box for answer in answers]),
            mask=tuple(mask for answer in answers for mask in answer.mask),
            surround=np.concatenate([answer.surround for answer in answers]),
            n_reused=len(frames) - self._n_looked_at,
        )

    def _ask(self, pixels: Any) -> list[Instances]:
        """What the model says; numbers that break the laws of ``Instances`` are its failure too."""
        if not len(pixels):
            return []
        name = self._segmenter.card.name
        try:
            answers = self._segmenter.segment(pixels)
        except ValueError as error:
            raise ModelError(f"model {name} answered rubbish: {error}") from error
        if len(answers) != len(pixels):
            raise ModelError(
                f"model {name} answered for {len(answers)} of {len(pixels)} frames in segment "
                f"{self._task.segment.index}"
            )
        self._n_looked_at += len(pixels)
        return answers


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


def _in_source(seen: Instances, box: Letterbox, picture: NDArray[np.uint8]) -> _Answer:
    """Instances of one frame, in input pixels, as they lie in the source."""
    if not len(seen.scores):
        nothing = np.zeros((0, 3), np.uint8)
        return _Answer(seen.class_ids, seen.scores, seen.boxes, [], nothing)
    boxes = box.boxes_to_frame(seen.boxes)
    # What lies wholly in the padding is not in the picture.
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    masks = box.crop_masks(seen.masks[inside])
    return _Answer(
        class_id=seen.class_ids[inside],
        score=seen.scores[inside],
        box=boxes[inside],
        mask=encode(masks),
        surround=surrounds(masks, picture[CELL // 2 :: CELL, CELL // 2 :: CELL]),
    )

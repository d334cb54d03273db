"""Models without weights: one that sees coloured lamps, and some that break their promises.

A lamp is a square of pure colour on a grey ground, as ``lamp_clips`` films them. All are plain
objects that pickle by their module's name, so that Ray's workers can have them.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.detections import Instances
from fearrefactor.core.model import ModelCard
from fearrefactor.vision.canary import Canary, Watched

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.vision.segmenter import Segmenter

COLOURS = ("red", "green", "blue")
CARD = ModelCard(
    name="lamp-finder", sha256="1a" * 32, classes=COLOURS, long_side=160, licence="none"
)
SCORE = 0.9
_CELL = 4
_LEAD = 90  # levels by which a colour leads the others: H.264 at crf 18 leaves well over 150


@dataclass(frozen=True)
class LampFinder:
    """One instance for each colour of lamp in a frame, exact to a mask cell."""

    card: ModelCard = CARD

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``Segmenter.segment``."""
        return [_lamps(frame) for frame in frames]


@dataclass(frozen=True)
class RaisingModel(LampFinder):
    """A runtime that breaks in the middle."""

    error: Exception = field(default_factory=lambda: RuntimeError("the runtime broke"))

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:  # noqa: ARG002
        """Raises."""
        raise self.error


@dataclass(frozen=True)
class CountingModel(LampFinder):
    """Remembers how many frames it was given, call by call."""

    calls: list[int] = field(default_factory=list)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``."""
        self.calls.append(len(frames))
        return super().segment(frames)


class NanModel(LampFinder):
    """Answers boxes that are no numbers."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """One box of NaN a frame, if anybody lets it."""
        nan = np.full((1, 4), np.nan, np.float32)
        return [_instances(nan, [0], np.ones((1, *_cells(frame)), np.uint8)) for frame in frames]


class BlindModel(LampFinder):
    """Looks at every frame and sees nothing in any."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """Nothing, once for each frame."""
        return [
            _instances(np.zeros((0, 4), np.float32), [], np.zeros((0, *_cells(frame)), np.uint8))
            for frame in frames
        ]


@dataclass(frozen=True)
class DecliningModel(LampFinder):
    """As ``LampFinder`` for the first ``n_frames`` that it is given, from then on as ``then``."""

    then: Segmenter = field(kw_only=True)
    n_frames: int = 40
    calls: list[int] = field(default_factory=list)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As one or the other: a call that begins in time is answered well."""
        is_well = sum(self.calls) < self.n_frames
        self.calls.append(len(frames))
        return super().segment(frames) if is_well else self.then.segment(frames)


@dataclass(frozen=True)
class TouchyModel(LampFinder):
    """As ``LampFinder``, but as ``then`` for frames among which is one with a blue lamp."""

    then: Segmenter = field(kw_only=True)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As one or the other."""
        answers = super().segment(frames)
        is_touched = any(COLOURS.index("blue") in answer.class_ids for answer in answers)
        return self.then.segment(frames) if is_touched else answers


class MuteModel(LampFinder):
    """Does not answer at all."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:  # noqa: ARG002
        """No answer, whatever the number of frames."""
        return []


class ShortModel(LampFinder):
    """Forgets the last frame of each batch."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """An answer too few."""
        return super().segment(frames)[:-1]


@dataclass(frozen=True)
class OddMasksModel(LampFinder):
    """Masks of another size than the input's quarter."""

    shape: tuple[int, int] = (12, 20)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """One instance a frame, its box right and its mask of ``shape``."""
        box = np.array([[0, 0, 16, 16]], np.float32)
        return [_instances(box, [0], np.ones((1, *self.shape), np.uint8)) for _ in frames]


class UnknownClassModel(LampFinder):
    """Names a class that it does not have."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """One instance a frame of the class after the last."""
        box = np.array([[0, 0, 16, 16]], np.float32)
        return [
            _instances(box, [len(COLOURS)], np.ones((1, *_cells(frame)), np.uint8))
            for frame in frames
        ]


@dataclass(frozen=True)
class DeadlyModel(LampFinder):
    """Its process is killed when it sees blue: each time, or once if ``once`` names a file."""

    once: Path | None = None

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``, if the process lives."""
        answers = super().segment(frames)
        if any(COLOURS.index("blue") in answer.class_ids for answer in answers):
            if self.once is None:
                os.kill(os.getpid(), signal.SIGKILL)
            elif not self.once.exists():
                self.once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return answers


@dataclass(frozen=True)
class SlowModel(LampFinder):
    """Takes ``pause_s`` seconds for each batch."""

    pause_s: float = 0.1

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``, later."""
        time.sleep(self.pause_s)
        return super().segment(frames)


@dataclass(frozen=True)
class SignedModel(LampFinder):
    """Leaves a file named after its process in ``folder``, so that a test knows whom to kill."""

    folder: Path = field(kw_only=True)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``."""
        (self.folder / str(os.getpid())).touch()
        return super().segment(frames)


@dataclass(frozen=True)
class StubShipment:
    """Stands in for ``ModelShipment``: the model travels as itself, not as a file."""

    segmenter: Segmenter

    def load(self) -> Segmenter:
        """The model itself."""
        return self.segmenter


def watched(segmenter: Segmenter) -> Watched:
    """A model that must go on seeing a red lamp, as one of the catalog must see a person."""
    lamp = np.full((64, 64, 3), 114, np.uint8)
    lamp[16:48, 16:48] = 230, 20, 20
    return Watched(segmenter, Canary(lamp, COLOURS.index("red"), 0.25))


def lamp_bits(frame: NDArray[np.uint8], colour: int) -> NDArray[np.uint8]:
    """``(height / 4, width / 4)`` uint8: cells at least half of which shine in a colour."""
    signed = frame.astype(np.int16)
    others = [signed[:, :, other] for other in range(3) if other != colour]
    lit = (signed[:, :, colour] - np.maximum(*others)) > _LEAD
    rows, columns = _cells(frame)
    share = lit.reshape(rows, _CELL, columns, _CELL).mean((1, 3))
    bits: NDArray[np.uint8] = (share >= 0.5).astype(np.uint8)
    return bits


def _lamps(frame: NDArray[np.uint8]) -> Instances:
    boxes, classes, masks = [], [], []
    for colour in range(len(COLOURS)):
        bits = lamp_bits(frame, colour)
        if bits.any():
            rows, columns = np.nonzero(bits)
            corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            boxes.append([_CELL * float(corner) for corner in corners])
            classes.append(colour)
            masks.append(bits)
    return _instances(
        np.array(boxes, np.float32).reshape(-1, 4),
        classes,
        np.array(masks, np.uint8).reshape(-1, *_cells(frame)),
    )


def _instances(
    boxes: NDArray[np.float32], classes: list[int], masks: NDArray[np.uint8]
) -> Instances:
    scores = np.full(len(classes), SCORE, np.float32)
    return Instances(boxes, scores, np.array(classes, np.int32), masks)


def _cells(frame: NDArray[np.uint8]) -> tuple[int, int]:
    return frame.shape[0] // _CELL, frame.shape[1] // _CELL

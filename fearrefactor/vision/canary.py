"""A model is believed as long as it sees what is known to be in a picture.

A model that has gone blind answers like one that looks at empty frames. So one with nothing to
say is shown a picture now and then, its canary, and what it said counts only if it sees that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.letterbox import PAD_VALUE, STRIDE
from fearrefactor.errors import BlindModelError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.model import ModelCard
    from fearrefactor.vision.segmenter import Segmenter

#: What a model of the catalog surely passes: it sees its target with 0.8 or more. One whose weights
#: are all 0 sees everything everywhere with 0.25.
_TARGET_SCORE: Final = 0.4
#: A thing seen with less is no reference: rounding alone could lose it at the detection floor.
_REFERENCE_SCORE: Final = 0.1
#: The share of its first score with which a thing has to be seen again.
_SEEN_AGAIN: Final = 0.5
#: Width over height of most videos: their input has been compiled when the first of them comes.
_USUAL_ASPECT: Final = 16 / 9


@dataclass(frozen=True)
class Shown:
    """Pictures that a model is shown when it is loaded.

    ``pictures``: ``(h, w, 3)`` uint8 RGB each, sides multiples of 32. In the first one a model of
    the catalog must see its target. ``chosen_as`` names the one picture that a user chose instead,
    in which any model must see something.
    """

    pictures: tuple[NDArray[np.uint8], ...]
    chosen_as: str = ""


@dataclass(frozen=True)
class Canary:
    """A picture ``(h, w, 3)`` uint8 RGB, and the class that must be seen in it, how surely."""

    pixels: NDArray[np.uint8]
    class_id: int
    score: float

    def within(self, height: int, width: int) -> NDArray[np.uint8]:
        """``(1, H, W, 3)``: the picture unscaled on grey, as large as a frame of the model's input.

        It is larger where the picture needs that. Whole strides lie around the picture, so that
        the model sees it in the same way wherever it stands.
        """
        return _within(self.pixels, height, width)

    def is_seen(self, found: Instances) -> bool:
        """Whether what a model found in it is enough."""
        return bool((found.scores[found.class_ids == self.class_id] >= self.score).any())


class Watched:
    """A segmenter with a canary, or without one if there is nothing that it surely sees."""

    def __init__(self, segmenter: Segmenter, canary: Canary | None) -> None:
        self._segmenter = segmenter
        self._canary = canary
        self._why_not = ""

    @property
    def card(self) -> ModelCard:
        """The card of the segmenter behind it, with a remark if it has no canary."""
        card = self._segmenter.card
        if self._canary is not None:
            return card
        why = f"{card.name} sees nothing in the test pictures; give it one with --canary"
        return card.model_copy(update={"unproven": why})

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``.

        Raises:
            BlindModelError: it failed a proof before.
        """
        if self._why_not:
            raise BlindModelError(self._why_not)
        return self._segmenter.segment(frames)

    def prove(self, height: int, width: int) -> None:
        """See the canary in an input of ``height`` × ``width`` pixels, or never be used again.

        Does nothing where there is no canary.

        Raises:
            BlindModelError: it does not see it. What it has said since it last saw something is
                worth nothing.
        """
        if self._canary is None:
            return
        name = self._segmenter.card.name
        picture = self._canary.within(height, width)
        wanted = self._segmenter.card.classes[self._canary.class_id]
        told = f"model {name} has gone blind, or never saw: expected a {wanted} in its test picture"
        try:
            found = self.segment(picture)
        except (ModelError, ValueError) as error:
            self._why_not = f"{told}, it answered: {error}"
            raise BlindModelError(self._why_not) from error
        if len(found) != 1 or not self._canary.is_seen(found[0]):
            self._why_not = f"{told} with a score of at least {self._canary.score:.2f}"
            raise BlindModelError(self._why_not)

    def through(self, wrap: Callable[[Segmenter], Segmenter]) -> Watched:
        """The same watch over the segmenter that ``wrap`` makes of the one behind it."""
        return Watched(wrap(self._segmenter), self._canary)


def watch(segmenter: Segmenter, target: str, shown: Shown) -> Watched:
    """Show a model that was just loaded its pictures, and keep one of them to show it again.

    ``target``: the class that it must see in the first one; empty where nobody knows. Then what
    it sees best is what it must see again; if that is nothing, it has no canary.

    Raises:
        BlindModelError: it does not see its target.
        ModelError: it sees nothing in the picture that a user chose for it.
    """
    usual = _usual_size(segmenter.card.long_side)
    if target and not shown.chosen_as:
        target_id = segmenter.card.classes.index(target)
        canary = Canary(shown.pictures[0], target_id, _TARGET_SCORE)
        watched = Watched(segmenter, canary)
        watched.prove(*usual)
        return watched
    seen = [_reference(segmenter, picture, usual) for picture in shown.pictures]
    best = max(seen, key=lambda canary: canary.score)
    if best.score < _REFERENCE_SCORE * _SEEN_AGAIN:
        if shown.chosen_as:
            raise ModelError(
                f"model {segmenter.card.name} sees nothing in {shown.chosen_as}; expected a picture"
                f" in which it sees one of its classes with a score of at least {_REFERENCE_SCORE}"
            )
        return Watched(segmenter, None)
    return Watched(segmenter, best)


def _reference(segmenter: Segmenter, picture: NDArray[np.uint8], size: tuple[int, int]) -> Canary:
    """What the model sees best in a picture, as it must be seen again; score 0 if nothing."""
    found = segmenter.segment(_within(picture, *size))[0]
    if not len(found.scores):
        return Canary(picture, 0, 0.0)
    first = int(np.argmax(found.scores))
    score = float(found.scores[first]) * _SEEN_AGAIN
    return Canary(picture, int(found.class_ids[first]), score)


def _within(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = picture.shape[:2]
    height, width = max(height, rows), max(width, columns)
    framed = np.full((1, height, width, 3), PAD_VALUE, np.uint8)
    top = (height - rows) // (2 * STRIDE) * STRIDE
    left = (width - columns) // (2 * STRIDE) * STRIDE
    framed[0, top : top + rows, left : left + columns] = picture
    return framed


def _usual_size(long_side: int) -> tuple[int, int]:
    """Height and width of the input that most videos have."""
    return -(-int(long_side / _USUAL_ASPECT) // STRIDE) * STRIDE, long_side

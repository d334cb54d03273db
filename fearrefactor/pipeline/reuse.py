"""Frames that show what the last one that the model looked at showed share its answer.

Recordings of screens, films that were brought to a higher frame rate and cameras that nothing moves
in front of repeat pictures to the last level: the model would say the same again. Frames that are
only nearly equal share an answer where a run allows it (``JobSettings.reuse_within``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Pixels of the model's input, on each side of the squares in which a difference is looked for: a
#: thing that has moved shows in its square, however little of the picture it is.
SQUARE: Final = 8
#: How long after the model has looked a nearly equal frame may still have its answer, in seconds.
LONGEST_S: Final = 0.5


class LastLook:
    """The last picture of a segment that the model was given, and which later ones it stands for.

    All are compared with that picture, never with the one before: many small changes add up. An
    equal one always shares its answer; another one if in every square of ``SQUARE`` pixels the
    levels differ by at most ``within`` on average, and it is shown at most ``longest`` later, in
    the unit of the times that are given. With ``within`` 0 only equal ones do.
    """

    def __init__(self, within: float, longest: float) -> None:
        self._within = within
        self._longest = longest
        self._picture: NDArray[np.uint8] | None = None
        self._shown_at = 0
        self._room: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None

    def to_look_at(
        self, pictures: NDArray[np.uint8], shown_at: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which of the next pictures ``(n, height, width, 3)`` the model must be given, ``(n,)``.

        Each other one has the answer to the last of those before it. ``shown_at``: their times.
        """
        wanted = np.ones(len(pictures), bool)
        last = self._picture
        for number, picture in enumerate(pictures):
            at = int(shown_at[number])
            if last is not None and self._stands_for(last, picture, at - self._shown_at):
                wanted[number] = False
            else:
                last, self._shown_at = picture, at
        if last is not self._picture and last is not None:
            self._picture = last.copy()  # the next batch overwrites it
        return wanted

    def _stands_for(self, last: NDArray[np.uint8], picture: NDArray[np.uint8], later: int) -> bool:
        # a few rows tell nearly all that differ apart
        few = slice(SQUARE, None, 4 * SQUARE)
        if np.array_equal(last[few], picture[few]) and np.array_equal(last, picture):
            return True
        return bool(self._within) and later <= self._longest and self._is_near(last, picture)

    def _is_near(self, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
        if self._room is None:  # fresh memory for each frame would cost more than the arithmetic
            self._room = np.empty_like(one), np.empty_like(one)
        high, low = self._room
        np.maximum(one, other, out=high)
        np.minimum(one, other, out=low)
        np.subtract(high, low, out=high)
        return apart(high) <= self._within


def apart(difference: NDArray[np.uint8]) -> float:
    """The largest mean of any square of ``(height, width, 3)`` absolute differences in levels.

    Height and width are multiples of ``SQUARE``, which inputs of models are.
    """
    height, width = difference.shape[:2]
    bands = difference.reshape(height // SQUARE, SQUARE, 3 * width).astype(np.uint16)
    summed = bands.sum(axis=1, dtype=np.uint16).reshape(-1, 3 * SQUARE)  # 8 × 255 at most
    n_levels = 3 * SQUARE * SQUARE
    sums = summed.astype(np.float32) @ np.ones(3 * SQUARE, np.float32)
    return float(sums.max()) / n_levels

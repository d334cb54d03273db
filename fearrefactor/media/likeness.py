"""Holds a rendered picture against what it should be: the source's, masked where the plan says.

An encoder changes every sample a little, so nothing can be equal. Two measures tell its noise from
a mistake, in blocks of 16 × 16 pixels and in steps of 8 bits:

- *Masked.* Where the planned picture differs from the source's by much more than the noise of this
  frame, the result must be nearer to the planned one. That is a ratio: it holds at any bit rate.
- *Nothing else.* Each block of each plane has the mean that was planned, and so has the frame.

Measured on six films of 160 × 96 to 1280 × 720 pixels (three of real scenes, a drawn one, one of
noise, one that stands still) with six masks that come and go at random, blurred, filled or
mosaicked, by libx264 at crf 20, 35 and 51, and starved by a cap of 200 kbit/s:

- Blocks whose planned change was 6 times the noise or more had made 0.7 of it or more in all films;
  a block left unmasked makes about 0. The line is at 0.5.
- Means of blocks were off by up to 4 at crf 20, 12 at 35, 43 at 51, 94 in starved noise: where that
  is more than 24, at most 5.8 times the noise of the better four fifths of their frame.
- The root mean square of that over a frame was at most 1.5 at crf 20, 16 at 51; in starved noise it
  was 27, and 0.36 of the noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.errors import FidelityError
from fearrefactor.media.blocks import BLOCK_PX, mean_squares, means, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.media.blocks import Grid, Layer

#: A planned change shows where it is as strong as this, in steps of 8 bits, in times the noise and
#: in times that of the noisiest block: what is weaker, a quantiser may swallow.
_SHOWS, _SHOWS_OVER_NOISE, _SHOWS_OVER_MOST = 12.0, 6.0, 2.0
#: How much of it must have been made.
_MADE = 0.5
#: The mean of a block may be off by so much, in steps of 8 bits and in times the noise. Chroma is
#: coded more coarsely: libvpx left six blocks of a test picture 37 off.
_MEAN_OFF, _CHROMA_OFF, _MEAN_OFF_OVER_NOISE = 24.0, 48.0, 8.0
#: Over a frame the means may be off by so much, or by this share of its noise.
_MEANS_OFF, _MEANS_OFF_OF_NOISE = 24.0, 0.6


def check_picture(
    number: int, source: Sequence[Layer], planned: Sequence[Layer], result: Sequence[Layer]
) -> None:
    """Hold frame ``number`` of a result against the source's and the planned picture.

    ``source`` may be ``planned`` itself where nothing is to be masked, and the part of it outside
    which nothing is.

    Raises:
        FidelityError: a mask was left out, or something else has changed.
    """
    shapes = [[layer.samples.shape for layer in picture] for picture in (planned, result)]
    if shapes[0] != shapes[1]:
        raise FidelityError(f"frame {number}: expected planes {shapes[0]}, got {shapes[1]}")
    if planned[-1].role == "alpha":
        result = _where_visible(planned, result)
    off = [mean_squares(*pair) for pair in zip(planned, result, strict=True)]
    noise = off
    if source is not planned:
        noise = _check_masked(number, source, planned, result, off)
    for wanted, found, squares, all_off in zip(planned, result, noise, off, strict=True):
        # A mean is never further off than the root of the mean square: most frames end here.
        if all_off.max() > _mean_off(wanted) ** 2 or _root(all_off) > _MEANS_OFF:
            _check_rest(number, wanted, found, squares, _root(all_off))


def _check_masked(
    number: int,
    source: Sequence[Layer],
    planned: Sequence[Layer],
    result: Sequence[Layer],
    off: Sequence[Grid],
) -> list[Grid]:
    """The noise of each plane, in squares: what a block is off by, or would be if not masked."""
    changes, lefts = [np.zeros_like(grid) for grid in off], [grid.copy() for grid in off]
    pictures = zip(source, planned, result, changes, lefts, strict=True)
    for before, wanted, found, its_change, its_left in pictures:
        change, left = (mean_squares(before, one.part_under(before)) for one in (wanted, found))
        here = np.s_[before.row :, before.column :]
        its_change[here][: len(change), : change.shape[1]] = change
        its_left[here][: len(left), : left.shape[1]] = left
    change, left, wrong = (together(grids, planned) for grids in (changes, lefts, off))
    least = np.minimum(left, wrong)
    noise, most = _root(least), float(np.sqrt(least.max()))
    shows = max(_SHOWS, _SHOWS_OVER_NOISE * noise, _SHOWS_OVER_MOST * most)
    made = 0.5 + (left - wrong) / (2 * np.maximum(change, 1))
    missed = (change >= shows * shows) & (made < _MADE)
    if missed.any():
        at = _worst(np.where(missed, change, 0))
        raise FidelityError(
            f"frame {number} {_place(at)}: expected it masked, {change[at] ** 0.5:.0f} steps from "
            f"the source's picture; {made[at]:.2f} of that was made, and it is "
            f"{wrong[at] ** 0.5:.0f} steps from what was planned (noise {noise:.1f})"
        )
    return [np.minimum(*pair) for pair in zip(lefts, off, strict=True)]


def _check_rest(
    number: int, planned: Layer, result: Layer, noise: Grid, noise_of_frame: float
) -> None:
    wanted, found = means(planned), means(result)
    apart = np.abs(found - wanted)
    most = max(_mean_off(planned), _MEAN_OFF_OVER_NOISE * _usual(noise))
    if apart.max() > most:
        at = _worst(apart)
        raise FidelityError(
            f"frame {number} {_place(at)}: expected {planned.role} {wanted[at]:.0f}, got "
            f"{found[at]:.0f}; the encoder's noise explains {most:.0f} steps"
        )
    all_apart = _root(apart * apart)
    most = max(_MEANS_OFF, _MEANS_OFF_OF_NOISE * noise_of_frame)
    if all_apart > most:
        raise FidelityError(
            f"frame {number}: expected the planned picture, its {planned.role} is "
            f"{all_apart:.0f} steps off; the encoder's noise explains {most:.0f}"
        )


def _mean_off(plane: Layer) -> float:
    return _CHROMA_OFF if plane.role == "chroma" else _MEAN_OFF


def _root(squares: Grid) -> float:
    return float(np.sqrt(squares.mean()))


def _usual(squares: Grid) -> float:
    """Noise of a frame but for its worst fifth: what is wrong there may not excuse itself."""
    most = np.quantile(squares, 0.8)
    return float(np.sqrt(np.minimum(squares, most).mean()))


def _worst(grid: Grid) -> tuple[int, int]:
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    return int(row), int(column)


def _place(at: tuple[int, int]) -> str:
    return f"at ({at[1] * BLOCK_PX}, {at[0] * BLOCK_PX}) px"


def _where_visible(planned: Sequence[Layer], result: Sequence[Layer]) -> list[Layer]:
    """The result with the planned samples where nothing is seen: some encoders leave those out."""
    hidden = planned[-1].samples == 0
    out = []
    for wanted, found in zip(planned[:-1], result[:-1], strict=True):
        unseen = hidden[:: 1 << wanted.sub_y, :: 1 << wanted.sub_x]
        samples = np.where(unseen, wanted.samples, found.samples)
        out.append(replace(found, samples=samples))
    return [*out, result[-1]]

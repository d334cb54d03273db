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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

from fearrefactor.errors import FidelityError
from fearrefactor.media.planes import planes_of, to_planar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import av
    from numpy.typing import NDArray

    Grid: TypeAlias = NDArray[np.float32]

_BLOCK_PX = 16
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


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One plane of a picture in 8 bits, with log2 of how many pixels a sample spans."""

    samples: NDArray[np.uint8]
    role: str
    sub_x: int
    sub_y: int


def layers(frame: av.VideoFrame) -> tuple[Layer, ...]:
    """The planes of a frame, as copies: it may be masked after that.

    Raises:
        UnsupportedError: no planar format holds its samples.
    """
    planes = planes_of(to_planar(frame))
    return tuple(
        Layer(_eight_bits(plane.samples, plane.max_value), plane.role, plane.sub_x, plane.sub_y)
        for plane in planes
    )


def check_picture(
    number: int, source: Sequence[Layer], planned: Sequence[Layer], result: Sequence[Layer]
) -> None:
    """Hold frame ``number`` of a result against the source's and the planned picture.

    ``source`` may be ``planned`` itself where nothing is to be masked.

    Raises:
        FidelityError: a mask was left out, or something else has changed.
    """
    shapes = [[layer.samples.shape for layer in picture] for picture in (planned, result)]
    if shapes[0] != shapes[1]:
        raise FidelityError(f"frame {number}: expected planes {shapes[0]}, got {shapes[1]}")
    if planned[-1].role == "alpha":
        result = _where_visible(planned, result)
    off = [_means(_squares(*pair), pair[0]) for pair in zip(planned, result, strict=True)]
    noise = off
    if source is not planned:
        noise = _check_masked(number, source, planned, result, off)
    for wanted, found, squares, all_off in zip(planned, result, noise, off, strict=True):
        _check_rest(number, wanted, found, squares, _root(all_off))


def _check_masked(
    number: int,
    source: Sequence[Layer],
    planned: Sequence[Layer],
    result: Sequence[Layer],
    off: Sequence[Grid],
) -> list[Grid]:
    """The noise of each plane, in squares: what a block is off by, or would be if not masked."""
    changes = [_means(_squares(*pair), pair[0]) for pair in zip(planned, source, strict=True)]
    lefts = [_means(_squares(*pair), pair[0]) for pair in zip(result, source, strict=True)]
    change, left, wrong = (_together(grids, planned) for grids in (changes, lefts, off))
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
    wanted, found = _means(planned.samples, planned), _means(result.samples, planned)
    apart = np.abs(found - wanted)
    least = _CHROMA_OFF if planned.role == "chroma" else _MEAN_OFF
    most = max(least, _MEAN_OFF_OVER_NOISE * _usual(noise))
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


def _squares(one: Layer, other: Layer) -> NDArray[Any]:
    apart = cv2.absdiff(one.samples, other.samples)
    return np.multiply(apart, apart, dtype=np.uint16)  # OpenCV's own takes five times as long


def _means(values: NDArray[Any], plane: Layer) -> Grid:
    """Means over blocks; those at the border are filled up."""
    across, down = _BLOCK_PX >> plane.sub_x, _BLOCK_PX >> plane.sub_y
    height, width = values.shape
    columns, rows = -(-width // across), -(-height // down)
    more = rows * down - height, columns * across - width
    if any(more):
        values = cv2.copyMakeBorder(values, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
    while values.shape != (rows, columns):  # by halves: that is twice as fast as at once
        across = max(columns, values.shape[1] // 2)
        down = max(rows, values.shape[0] // 2)
        values = cv2.resize(values, (across, down), interpolation=cv2.INTER_AREA)
    return values.astype(np.float32)


def _together(grids: Sequence[Grid], planes: Sequence[Layer]) -> Grid:
    """All planes in one, each by its number of samples."""
    out = np.zeros_like(grids[0])
    for grid, plane in zip(grids, planes, strict=True):
        out += grid / (1 << (plane.sub_x + plane.sub_y))
    return out


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
    return f"at ({at[1] * _BLOCK_PX}, {at[0] * _BLOCK_PX}) px"


def _eight_bits(samples: NDArray[Any], max_value: int) -> NDArray[np.uint8]:
    if max_value == 255:
        return samples.copy()
    return cv2.convertScaleAbs(samples, alpha=255 / max_value).astype(np.uint8, copy=False)


def _where_visible(planned: Sequence[Layer], result: Sequence[Layer]) -> list[Layer]:
    """The result with the planned samples where nothing is seen: some encoders leave those out."""
    hidden = planned[-1].samples == 0
    out = []
    for wanted, found in zip(planned[:-1], result[:-1], strict=True):
        unseen = hidden[:: 1 << wanted.sub_y, :: 1 << wanted.sub_x]
        samples = np.where(unseen, wanted.samples, found.samples)
        out.append(Layer(samples, found.role, found.sub_x, found.sub_y))
    return [*out, result[-1]]

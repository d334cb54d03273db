"""Holds a rendered picture against what it should be: the source's, masked where the plan says.

An encoder changes every sample a little, so nothing can be equal. Two measures tell its noise from
a mistake, block by block and in the steps of 8 bits:

- *Masked.* Where the planned picture differs from the source's by much more than the noise of this
  frame, the result must be nearer to the planned one. That is a ratio: it holds at any bit rate.
- *Nothing else.* Each block has the mean that was planned, and the whole frame its noise.

Measured on 1280 × 720, 640 × 360 and 176 × 144 films with six masks that come and go at random,
blurred, filled and mosaicked (libx264, veryfast; crf 20, 35 and 51, and starved by a cap):

- The noise of a frame, root of its mean square, was at most 3.4 at crf 20, 10 at crf 35, 21 at 51.
- Blocks whose planned change was 6 times that noise, or more, had made 0.8 of it or more; a block
  that is left unmasked makes about 0. The line is at 0.5.
- Means of blocks were off by at most 2.7 at crf 20, 12 at crf 35 and 38 at crf 51: never more than
  2.5 times the noise.
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

#: Pixels across a block in which the mask is looked for, and across one whose mean must be right.
_SMALL_PX, _LARGE_PX = 8, 16
#: A planned change shows where it is as strong as this, in steps of 8 bits and in times the noise.
_SHOWS, _SHOWS_OVER_NOISE = 12.0, 6.0
#: The mean of a block may be off by so much, in steps of 8 bits and in times the noise.
_MEAN_OFF, _MEAN_OFF_OVER_NOISE = 24.0, 6.0
#: No frame may be noisier than this: 17 dB.
_MOST_NOISE = 36.0


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
    for before, wanted, found in zip(source, planned, result, strict=True):
        _check_plane(number, before, wanted, found)


def _check_plane(number: int, source: Layer, planned: Layer, result: Layer) -> None:
    off = _means(_squares(result, planned), planned, _SMALL_PX)
    noise = off
    if source is not planned:
        change = _means(_squares(planned, source), planned, _SMALL_PX)
        left = np.where(change > 0, _means(_squares(result, source), planned, _SMALL_PX), off)
        noise = np.minimum(off, left)
        shows = max(_SHOWS, _SHOWS_OVER_NOISE * _root(noise))
        missed = (change >= shows * shows) & (off > left)
        if missed.any():
            at = _worst(np.where(missed, change, 0))
            raise FidelityError(
                f"frame {number} {_place(at, _SMALL_PX)}: expected the {planned.role} to be masked "
                f"({change[at] ** 0.5:.0f} from the source's), got {left[at] ** 0.5:.0f} from the "
                f"source's and {off[at] ** 0.5:.0f} from what was planned"
            )
    _check_noise(number, planned, result, off, noise)


def _check_noise(number: int, planned: Layer, result: Layer, off: Grid, noise: Grid) -> None:
    if _root(off) > _MOST_NOISE:
        raise FidelityError(
            f"frame {number}: expected the planned picture, its {planned.role} is "
            f"{_root(off):.0f} off"
        )
    wanted, found = (_means(layer.samples, planned, _LARGE_PX) for layer in (planned, result))
    apart = np.abs(found - wanted)
    most = max(_MEAN_OFF, _MEAN_OFF_OVER_NOISE * _usual(noise))
    if apart.max() > most:
        at = _worst(apart)
        raise FidelityError(
            f"frame {number} {_place(at, _LARGE_PX)}: expected {planned.role} {wanted[at]:.0f}, "
            f"got {found[at]:.0f}; no more than {most:.0f} off is the encoder's"
        )


def _squares(one: Layer, other: Layer) -> NDArray[Any]:
    apart = cv2.absdiff(one.samples, other.samples)
    return cv2.multiply(apart, apart, dtype=cv2.CV_16U)


def _means(values: NDArray[Any], plane: Layer, pixels: int) -> Grid:
    """Means over blocks of ``pixels`` × ``pixels``; those at the border are filled up."""
    across, down = max(1, pixels >> plane.sub_x), max(1, pixels >> plane.sub_y)
    height, width = values.shape
    columns, rows = -(-width // across), -(-height // down)
    more = rows * down - height, columns * across - width
    if any(more):
        values = cv2.copyMakeBorder(values, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
    return cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)


def _root(squares: Grid) -> float:
    return float(np.sqrt(squares.mean()))


def _usual(squares: Grid) -> float:
    """Noise of a frame but for its worst fifth: what is wrong there may not excuse itself."""
    most = np.quantile(squares, 0.8)
    return float(np.sqrt(np.minimum(squares, most).mean()))


def _worst(grid: Grid) -> tuple[int, int]:
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    return int(row), int(column)


def _place(at: tuple[int, int], pixels: int) -> str:
    return f"at ({at[1] * pixels}, {at[0] * pixels}) px"


def _eight_bits(samples: NDArray[Any], max_value: int) -> NDArray[np.uint8]:
    if max_value == 255:
        return samples.copy()
    return cv2.convertScaleAbs(samples, alpha=255 / max_value)


def _where_visible(planned: Sequence[Layer], result: Sequence[Layer]) -> list[Layer]:
    """The result with the planned samples where nothing is seen: some encoders leave those out."""
    hidden = planned[-1].samples == 0
    out = []
    for wanted, found in zip(planned[:-1], result[:-1], strict=True):
        unseen = hidden[:: 1 << wanted.sub_y, :: 1 << wanted.sub_x]
        samples = np.where(unseen, wanted.samples, found.samples)
        out.append(Layer(samples, found.role, found.sub_x, found.sub_y))
    return [*out, result[-1]]

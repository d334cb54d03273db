"""Pictures in blocks of 16 × 16 pixels: means of their planes, and of what lies between two.

Sums are whole numbers below 2²⁴, which 32-bit floats hold exactly: a mean is no nearer to what it
should be than in any other arithmetic, and no further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import cv2
import numpy as np

from fearrefactor.media.planes import planes_of, to_planar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import av
    from numpy.typing import NDArray

    from fearrefactor.media.stencil import Rectangle

    #: A value for each block, row before column.
    Grid: TypeAlias = NDArray[np.float32]

BLOCK_PX: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One plane of a picture in 8 bits, with log2 of how many pixels a sample spans.

    It may be a part of the plane: that which begins with block ``(row, column)``, and ends with a
    whole block or with the plane.
    """

    samples: NDArray[np.uint8]
    role: str
    sub_x: int
    sub_y: int
    row: int = 0
    column: int = 0

    @property
    def across(self) -> int:
        """Samples across a block."""
        return BLOCK_PX >> self.sub_x

    @property
    def down(self) -> int:
        """Samples down a block."""
        return BLOCK_PX >> self.sub_y

    def part_under(self, other: Layer) -> Layer:
        """What lies where ``other``, a part of a plane of this kind, lies in this whole plane."""
        top, left = other.row * self.down, other.column * self.across
        height, width = other.samples.shape
        samples = self.samples[top : top + height, left : left + width]
        return replace(self, samples=samples, row=other.row, column=other.column)


def layers(frame: av.VideoFrame, within: Rectangle | None = None) -> tuple[Layer, ...]:
    """The planes of a frame, or those parts whose blocks share a pixel with ``within``.

    Samples of 8 bits are views into the frame: ``kept`` copies them.

    Raises:
        UnsupportedError: no planar format holds its samples.
    """
    found = []
    top, bottom, left, right = within or (0, frame.height, 0, frame.width)
    row, column = top // BLOCK_PX, left // BLOCK_PX
    end_row, end_column = -(-bottom // BLOCK_PX), -(-right // BLOCK_PX)
    for plane in planes_of(to_planar(frame)):
        down, across = BLOCK_PX >> plane.sub_y, BLOCK_PX >> plane.sub_x
        samples = plane.samples[row * down : end_row * down, column * across : end_column * across]
        eight = _eight_bits(samples, plane.max_value)
        found.append(Layer(eight, plane.role, plane.sub_x, plane.sub_y, row, column))
    return tuple(found)


def kept(picture: Iterable[Layer]) -> tuple[Layer, ...]:
    """The same, whatever becomes of the frame."""
    return tuple(replace(layer, samples=layer.samples.copy()) for layer in picture)


def means(layer: Layer) -> Grid:
    """Mean sample of each block; blocks at the border are filled up with their last samples."""
    return _means(layer.samples, layer, cv2.accumulate)


def mean_squares(one: Layer, other: Layer) -> Grid:
    """Mean square of what each block of two planes of one shape is apart; see ``means``."""
    return _means(cv2.absdiff(one.samples, other.samples), one, cv2.accumulateSquare)


def together(grids: Sequence[Grid], planes: Sequence[Layer]) -> Grid:
    """All planes in one, each by its number of samples."""
    out = np.zeros_like(grids[0])
    for grid, plane in zip(grids, planes, strict=True):
        out += grid / (1 << (plane.sub_x + plane.sub_y))
    return out


def _means(samples: NDArray[Any], layer: Layer, add: Callable[[Any, Any], object]) -> Grid:
    """Rows are added first, 16 of all blocks at a time, because OpenCV adds whole rows fastest."""
    height, width = samples.shape
    rows, columns = -(-height // layer.down), -(-width // layer.across)
    sums = np.zeros((rows, columns * layer.across), np.float32)
    filled = sums[:, :width]
    for offset in range(layer.down):
        here = samples[offset :: layer.down]
        if len(here):
            add(here, filled[: len(here)])
        if len(here) < rows:
            add(samples[-1:], filled[-1:])
    sums[:, width:] = sums[:, width - 1 : width]
    totals = sums.reshape(-1, layer.across) @ np.ones(layer.across, np.float32)
    return np.asarray(totals.reshape(rows, columns) / (layer.down * layer.across), np.float32)


def _eight_bits(samples: NDArray[Any], max_value: int) -> NDArray[np.uint8]:
    if max_value == 255:
        return cast("NDArray[np.uint8]", samples)
    return cv2.convertScaleAbs(samples, alpha=255 / max_value).astype(np.uint8, copy=False)

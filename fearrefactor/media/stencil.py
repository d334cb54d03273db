"""Where a mask lies on a frame's planes.

A mask comes at the model's resolution and covers the whole upright frame; a plane has its own
resolution and the coded orientation. Between the two, one law: whatever lies in a masked cell is
covered. The outline is smooth and lies up to a third of a cell outside the cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.rle import Mask
    from fearrefactor.media.planes import Plane, Samples

    #: Pixels of a frame: top, bottom, left, right.
    Rectangle: TypeAlias = tuple[int, int, int, int]

Value = TypeVar("Value", np.bool_, np.uint8)

# Interpolated between cell centres, a point inside a masked cell is never below 0.5 × 0.5 of 255,
# but for rounding: a fifth of 255 is safely below.
_OUTLINE = 51


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """Samples to be masked: those at ``(top, left)`` and on where ``inside`` is true.

    ``inside``: ``(height, width)`` bool, a rectangle that lies within the plane.
    """

    top: int
    left: int
    inside: NDArray[np.bool_]

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + len(self.inside)

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + int(self.inside.shape[1])

    def paint(self, plane: Plane, values: Samples | int) -> None:
        """Write ``values``, one or a rectangle of the stencil's size, where ``inside`` is true.

        Raises:
            ValueError: they are of another size or type than what they are to be written into.
        """
        target = plane.samples[self.top : self.bottom, self.left : self.right]
        if isinstance(values, int):
            values = np.full(target.shape, values, target.dtype)
        same = values.shape == target.shape == self.inside.shape and values.dtype == target.dtype
        if not same:  # OpenCV would write into an array of its own, and nothing would be masked
            raise ValueError(
                f"expected {self.inside.shape} {target.dtype} samples to paint, got "
                f"{values.shape} {values.dtype}, onto {target.shape}"
            )
        cv2.copyTo(values, self.inside.view(np.uint8), target)  # a third of what NumPy takes


def cut(mask: Mask, rotation_deg: int, width_px: int, height_px: int) -> Stencil:
    """A mask over the upright frame as a stencil over the coded one, ``width_px`` × ``height_px``.

    ``rotation_deg``: how far the coded picture is to be turned clockwise to stand upright.

    Raises:
        ValueError: a rotation that is not a quarter turn, or a mask that masks nothing.
    """
    cells = _coded(mask, rotation_deg, width_px, height_px)
    rectangle = _extents(cells, width_px, height_px)
    inside = _enlarge(cells, width_px, height_px, rectangle) > _OUTLINE
    return Stencil(rectangle[0], rectangle[2], inside)


def reach(mask: Mask, rotation_deg: int, width_px: int, height_px: int) -> Rectangle:
    """The rectangle of the stencil that ``cut`` makes of the same."""
    return _extents(_coded(mask, rotation_deg, width_px, height_px), width_px, height_px)


def onto(stencil: Stencil, plane: Plane, *, interlaced: bool = False) -> Stencil:
    """The stencil of a plane's samples: each that stands for at least one pixel of ``stencil``.

    In an interlaced frame two rows of chroma share four rows of pixels, one of each field.
    """
    inside, top, left = pool(
        stencil.inside, stencil.top, stencil.left, plane, interlaced=interlaced
    )
    return Stencil(top, left, inside)


def pool(
    values: NDArray[Value], top: int, left: int, plane: Plane, *, interlaced: bool
) -> tuple[NDArray[Value], int, int]:
    """For each sample of a plane the largest of the pixels' ``values`` that it stands for.

    ``values`` lie at ``(top, left)`` and on in the frame, 0 beyond; the answer has its own place in
    the plane, row before column. How rows of an interlaced frame belong together: see ``onto``.
    """
    if not (plane.sub_x or plane.sub_y):
        return values, top, left
    fields = 2 if interlaced and plane.sub_y else 1
    across, down = 1 << plane.sub_x, fields << plane.sub_y
    bottom, right = top + values.shape[0], left + values.shape[1]
    row, column = top // down, left // across
    end_row, end_column = -(-bottom // down), -(-right // across)
    pixels = np.zeros(((end_row - row) * down, (end_column - column) * across), values.dtype)
    y, x = top - row * down, left - column * across
    pixels[y : y + values.shape[0], x : x + values.shape[1]] = values
    # Rows first: they lie in one piece each.
    rows = pixels.reshape(end_row - row, down, -1).max(axis=1)
    largest = rows[:, ::across]
    for offset in range(1, across):
        largest = np.maximum(largest, rows[:, offset::across])
    if fields == 2:
        row *= 2
        largest = np.repeat(largest, 2, axis=0)[: plane.samples.shape[0] - row]
    return largest, row, column


def _at_most(cells: NDArray[np.uint8], n: int) -> NDArray[np.uint8]:
    """Cells pooled along the first axis to at most ``n`` rows: set where any of them is.

    Interpolation looks at two cells; a small frame under a fine mask would miss those between.
    """
    if len(cells) <= n:
        return cells
    edges = np.arange(n + 1) * len(cells)
    first, end = edges[:-1] // n, -(-edges[1:] // n)
    spans = np.stack([first, end], axis=1).ravel()
    padded = np.pad(cells, ((0, 1), (0, 0)))  # reduceat wants every end to be an index
    return np.maximum.reduceat(padded, spans, axis=0)[::2]


@lru_cache(maxsize=8)  # whoever asks for the reach of a frame's masks cuts them next
def _coded(mask: Mask, rotation_deg: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """A mask's cells as the frame is coded, no finer than its pixels: nobody writes into them."""
    if rotation_deg not in {0, 90, 180, 270}:
        raise ValueError(f"expected a rotation of 0, 90, 180 or 270 degrees, got {rotation_deg}")
    cells = np.rot90(mask.bits(), rotation_deg // 90)  # anticlockwise: from upright back to coded
    cells = _at_most(_at_most(cells, height_px).T, width_px).T
    if not cells.any():
        raise ValueError(f"expected a mask with something in it, got {mask.width} × {mask.height}")
    return cells


def _extents(cells: NDArray[np.uint8], width_px: int, height_px: int) -> Rectangle:
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    down = _extent(rows, cells.shape[0], height_px)
    return *down, *_extent(columns, cells.shape[1], width_px)


def _extent(filled: NDArray[np.intp], n_cells: int, n_px: int) -> tuple[int, int]:
    """First and one past the last pixel that interpolation between ``filled`` cells can reach."""
    first = np.floor((filled[0] - 0.5) * n_px / n_cells)
    end = np.ceil((filled[-1] + 1.5) * n_px / n_cells)
    return max(int(first), 0), min(int(end), n_px)


def _enlarge(
    cells: NDArray[np.uint8], width_px: int, height_px: int, rectangle: Rectangle
) -> NDArray[np.uint8]:
    """Cells, 0 or 255, interpolated at each pixel's centre in a rectangle of the frame.

    The cells at the frame's border are repeated outside it, so that a mask which touches the
    border covers the last row and column too.
    """
    top, bottom, left, right = rectangle
    first_row, end_row = _around(top, bottom, cells.shape[0], height_px)
    first, end = _around(left, right, cells.shape[1], width_px)
    near = np.ascontiguousarray(cells[first_row:end_row, first:end]) * np.uint8(255)
    y, x = first_row * height_px // cells.shape[0], first * width_px // cells.shape[1]
    size = (end * width_px // cells.shape[1] - x, end_row * height_px // cells.shape[0] - y)
    values = cv2.resize(near, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(values[top - y : bottom - y, left - x : right - x], np.uint8)


def _around(first_px: int, end_px: int, n_cells: int, n_px: int) -> tuple[int, int]:
    """First and one past the last cell that pixels are interpolated from.

    Both lie on the edge of a pixel: so the part is enlarged as it is within the whole.
    """
    step = n_cells // math.gcd(n_cells, n_px)
    first = (first_px * n_cells // n_px - 1) // step * step
    end = -(-(-(-end_px * n_cells // n_px) + 1) // step) * step
    return max(first, 0), min(end, n_cells)

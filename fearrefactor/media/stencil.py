"""Where a mask lies on a frame's planes.

A mask comes at the model's resolution and covers the whole upright frame; a plane has its own
resolution and the coded orientation. Between the two, one law: whatever lies in a masked cell is
covered. The outline is smooth and lies up to a third of a cell outside the cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.rle import Mask
    from fearrefactor.media.planes import Plane, Samples

Value = TypeVar("Value", np.bool_, np.uint8)

# Interpolated between cell centres, a point inside a masked cell is never below 0.5 × 0.5 of 255;
# warpAffine may round its position by 1/32 of a cell. A fifth of 255 is safely below both.
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
        """Write ``values``, one or a rectangle of the stencil's size, where ``inside`` is true."""
        target = plane.samples[self.top : self.bottom, self.left : self.right]
        np.copyto(target, values, where=self.inside, casting="same_kind")


def cut(mask: Mask, rotation_deg: int, width_px: int, height_px: int) -> Stencil:
    """A mask over the upright frame as a stencil over the coded one, ``width_px`` × ``height_px``.

    ``rotation_deg``: how far the coded picture is to be turned clockwise to stand upright.

    Raises:
        ValueError: a rotation that is not a quarter turn, or a mask that masks nothing.
    """
    if rotation_deg not in {0, 90, 180, 270}:
        raise ValueError(f"expected a rotation of 0, 90, 180 or 270 degrees, got {rotation_deg}")
    cells = np.rot90(mask.bits(), rotation_deg // 90)  # anticlockwise: from upright back to coded
    cells = _at_most(_at_most(cells, height_px).T, width_px).T
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not rows.size:
        raise ValueError(f"expected a mask with something in it, got {mask.width} × {mask.height}")
    top, bottom = _extent(rows, cells.shape[0], height_px)
    left, right = _extent(columns, cells.shape[1], width_px)
    inside = _enlarge(cells, width_px, height_px, (top, bottom, left, right)) > _OUTLINE
    return Stencil(top, left, inside)


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
    largest = pixels[::down, ::across].copy()
    for i in range(down):
        for j in range(across):
            np.maximum(largest, pixels[i::down, j::across], out=largest)
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


def _extent(filled: NDArray[np.intp], n_cells: int, n_px: int) -> tuple[int, int]:
    """First and one past the last pixel that interpolation between ``filled`` cells can reach."""
    first = np.floor((filled[0] - 0.5) * n_px / n_cells)
    end = np.ceil((filled[-1] + 1.5) * n_px / n_cells)
    return max(int(first), 0), min(int(end), n_px)


def _enlarge(
    cells: NDArray[np.uint8], width_px: int, height_px: int, rectangle: tuple[int, int, int, int]
) -> NDArray[np.uint8]:
    """Cells, 0 or 255, interpolated at each pixel's centre in a rectangle of the frame.

    The cells at the frame's border are repeated outside it, so that a mask which touches the
    border covers the last row and column too.
    """
    top, bottom, left, right = rectangle
    padded = np.pad(cells * np.uint8(255), 1, mode="edge")
    scale_x, scale_y = cells.shape[1] / width_px, cells.shape[0] / height_px
    to_cells = np.array(
        [
            [scale_x, 0, (left + 0.5) * scale_x + 0.5],
            [0, scale_y, (top + 0.5) * scale_y + 0.5],
        ]
    )
    size = (right - left, bottom - top)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    values = cv2.warpAffine(padded, to_cells, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.uint8)

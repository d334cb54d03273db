"""Masks as small pictures: moved, scaled, widened, put together.

The plan's masks are twice as fine as the model's, so that a margin of half a cell can be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.rle import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.rle import Mask

#: Fine cells per cell of the model's mask, along each axis.
FINE = 2


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask's own rectangle: ``bits`` ``(h, w)`` bool, at row ``top`` and column ``left``.

    In fine cells of the whole picture; it may reach beyond the picture's border.
    """

    top: int
    left: int
    bits: NDArray[np.bool_]

    @cached_property
    def area(self) -> int:
        """Fine cells inside."""
        return int(np.count_nonzero(self.bits))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Column and row of its centre of mass."""
        down, across = np.count_nonzero(self.bits, axis=1), np.count_nonzero(self.bits, axis=0)
        column = float(across @ np.arange(len(across))) / max(self.area, 1)
        row = float(down @ np.arange(len(down))) / max(self.area, 1)
        return column + self.left, row + self.top

    def common(self, other: Shape) -> int:
        """How many cells both cover."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        (height, width), (its_height, its_width) = self.bits.shape, other.bits.shape
        bottom = min(self.top + height, other.top + its_height)
        right = min(self.left + width, other.left + its_width)
        if bottom <= top or right <= left:
            return 0
        mine = self.bits[top - self.top : bottom - self.top, left - self.left : right - self.left]
        its = other.bits[
            top - other.top : bottom - other.top, left - other.left : right - other.left
        ]
        return int(np.count_nonzero(mine & its))

    def iou(self, other: Shape) -> float:
        """Intersection over union."""
        common = self.common(other)
        return common / max(self.area + other.area - common, 1)

    def shifted(self, columns: int, rows: int) -> Shape:
        """Moved by whole cells."""
        moved = Shape(self.top + rows, self.left + columns, self.bits)
        moved.__dict__["area"] = self.area  # known already
        return moved

    def filled_box(self) -> Shape:
        """Its bounding rectangle."""
        return Shape(self.top, self.left, np.ones_like(self.bits))

    def on(self, grid: tuple[int, int]) -> NDArray[np.bool_]:
        """As bits of the whole picture ``grid``, rows and columns; what lies outside is cut off."""
        bits = np.zeros(grid, bool)
        top, left = max(self.top, 0), max(self.left, 0)
        part = self.bits[top - self.top :, left - self.left :]
        target = bits[top : top + part.shape[0], left : left + part.shape[1]]
        target |= part[: target.shape[0], : target.shape[1]]
        return bits

    def warped(self, source: Boxes, target: Boxes) -> Shape:
        """Moved and scaled as ``source`` is to become ``target``; boxes ``(4,)`` in fine cells."""
        scale = (target[2:] - target[:2]) / np.maximum(source[2:] - source[:2], 1e-6)
        shift = target[:2] - source[:2] * scale
        left, right = _span(self.left, self.bits.shape[1], scale[0], shift[0])
        top, bottom = _span(self.top, self.bits.shape[0], scale[1], shift[1])
        across = (np.arange(left, right) + 0.5 - shift[0]) / scale[0] - self.left
        down = (np.arange(top, bottom) + 0.5 - shift[1]) / scale[1] - self.top
        columns = np.clip(across.astype(np.int64), 0, self.bits.shape[1] - 1)
        rows = np.clip(down.astype(np.int64), 0, self.bits.shape[0] - 1)
        return Shape(top, left, self.bits[rows[:, None], columns])

    def widened(self, cells: int) -> Shape:
        """Grown by ``cells`` in all directions, as an octagon."""
        if cells <= 0:
            return self
        out = np.pad(self.bits, cells)
        for step in range(cells):
            across = out.copy()
            across[:, 1:] |= out[:, :-1]
            across[:, :-1] |= out[:, 1:]
            # Steps with 4 and with 8 neighbours take turns, which comes close to a disc.
            upright = across if step % 2 else out
            new = across if step % 2 == 0 else across.copy()
            new[1:] |= upright[:-1]
            new[:-1] |= upright[1:]
            out = new
        return Shape(self.top - cells, self.left - cells, out)


def widened(mask: Mask, cells: int) -> Mask:
    """A mask that is not empty, grown by ``cells`` of its own in all directions."""
    whole = Shape(0, 0, mask.bits().astype(bool)).widened(cells)
    return encode(whole.on((mask.height, mask.width)).view(np.uint8)[None])[0]


def united(shapes: Sequence[Shape]) -> Shape:
    """What any of the shapes covers."""
    return agreed(shapes, 1)


def agreed(shapes: Sequence[Shape], n: int) -> Shape:
    """What at least ``n`` of the shapes cover."""
    if len(shapes) == 1:
        return shapes[0]
    top, left = min(shape.top for shape in shapes), min(shape.left for shape in shapes)
    bottom = max(shape.top + shape.bits.shape[0] for shape in shapes)
    right = max(shape.left + shape.bits.shape[1] for shape in shapes)
    votes = np.zeros((bottom - top, right - left), np.uint8)
    for shape in shapes:
        y, x = shape.top - top, shape.left - left
        votes[y : y + shape.bits.shape[0], x : x + shape.bits.shape[1]] += shape.bits
    return Shape(top, left, votes >= n)


def shape_of(bits: NDArray[np.uint8], box: Boxes) -> Shape:
    """The shape of a model's mask ``(height, width)``.

    Where the mask is empty, the thing was too small for one, and its ``box`` ``(4,)`` in fine cells
    is what is known of it.
    """
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if not rows.size:
        left, top = np.floor(box[:2]).astype(int).tolist()
        right, bottom = np.ceil(box[2:]).astype(int).tolist()
        return Shape(top, left, np.ones((max(bottom - top, 1), max(right - left, 1)), bool))
    part = bits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(bool)
    fine = part.repeat(FINE, axis=0).repeat(FINE, axis=1)
    return Shape(int(rows[0]) * FINE, int(columns[0]) * FINE, fine)


def _span(start: int, length: int, scale: float, shift: float) -> tuple[int, int]:
    """The cells that a stretch covers after a move, at least one."""
    low = int(np.floor(start * scale + shift + 1e-6))
    return low, max(int(np.ceil((start + length) * scale + shift - 1e-6)), low + 1)

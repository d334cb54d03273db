"""Means of a plane over the cells of a fixed grid: what is left to blur and mosaic of the picture.

The grid starts at the plane's upper left corner, wherever the masked object is: a grid that moved
with the object would show a new sample of it in every frame, from which it could be put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2

if TYPE_CHECKING:
    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Cells of ``down`` × ``across`` samples; ``means[0, 0]`` is that of cell ``(row, column)``.

    ``means``: ``(rows, columns)`` of the plane's own type.
    """

    means: Samples
    row: int
    column: int
    down: int
    across: int

    def crop_to(self, stencil: Stencil, margin: int) -> Grid:
        """The cells that a stencil touches and up to ``margin`` cells around them."""
        first = max(stencil.top // self.down - margin, self.row)
        end = -(-stencil.bottom // self.down) + margin
        left = max(stencil.left // self.across - margin, self.column)
        right = -(-stencil.right // self.across) + margin
        rows = slice(first - self.row, end - self.row)
        means = self.means[rows, left - self.column : right - self.column]
        return Grid(means, first, left, self.down, self.across)

    def paint(self, plane: Plane, stencil: Stencil, *, smooth: bool) -> None:
        """Write the cells' means inside the stencil, as squares or passing into each other."""
        rows, columns = self.means.shape
        size = (columns * self.across, rows * self.down)
        way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        values = cast("Samples", cv2.resize(self.means, size, interpolation=way))
        y, x = stencil.top - self.row * self.down, stencil.left - self.column * self.across
        height, width = stencil.inside.shape
        stencil.paint(plane, values[y : y + height, x : x + width])


def means_of(plane: Plane, stencil: Stencil, *, down: int, across: int, reach: int) -> Grid:
    """The means of all cells that the stencil touches and of ``reach`` cells around those.

    Samples outside the stencil count too, so that the means depend less on its outline. What a cell
    at the far border lacks of a whole one is made up by reflection.
    """
    height, width = plane.samples.shape
    row = max(stencil.top // down - reach, 0)
    column = max(stencil.left // across - reach, 0)
    end_row = min(-(-stencil.bottom // down) + reach, -(-height // down))
    end_column = min(-(-stencil.right // across) + reach, -(-width // across))
    window = plane.samples[row * down : end_row * down, column * across : end_column * across]
    missing_rows = max(end_row * down - height, 0)
    missing_columns = max(end_column * across - width, 0)
    if missing_rows or missing_columns:
        bordered = cv2.copyMakeBorder(
            window, 0, missing_rows, 0, missing_columns, cv2.BORDER_REFLECT
        )
        window = cast("Samples", bordered)
    return Grid(_means(window, down, across), row, column, down, across)


def _means(samples: Samples, down: int, across: int) -> Samples:
    """Means of cells of powers of two: of halves where there are any, which takes half the time.

    All by halves would take a fifth, and round each mean up by almost 1.
    """
    if down % 2 == across % 2 == 0:
        down, across = down // 2, across // 2
        samples = _shrunk(samples, 2, 2)
    return _shrunk(samples, down, across)


def _shrunk(samples: Samples, down: int, across: int) -> Samples:
    size = (samples.shape[1] // across, samples.shape[0] // down)
    return cast("Samples", cv2.resize(samples, size, interpolation=cv2.INTER_AREA))

"""Mosaic: each cell of a fixed grid becomes its mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fearrefactor.media.effects.grid import means_of

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil

#: Side of a cell as a share of the object's size, at least. At an eighth one still sees that there
#: is a person, and how she stands.
CELL_SHARE = 1 / 5
MIN_CELL_PX = 8  # two samples of a plane that is subsampled by four


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Replace the samples inside the stencil by the means of their cells; see ``Apply``."""
    cell = cell_px(brush)
    down, across = cell >> plane.sub_y, cell >> plane.sub_x
    grid = means_of(plane, stencil, down=down, across=across, reach=0)
    grid.paint(plane, stencil, smooth=False)


def cell_px(brush: Brush) -> int:
    """Side of a cell in frame pixels: the next power of two.

    Powers of two keep the grid where it is while an object grows, let the grids of two objects
    nest, and let those of luma and chroma coincide.
    """
    wanted = max(brush.length_px(CELL_SHARE), MIN_CELL_PX)
    return 1 << math.ceil(math.log2(wanted))

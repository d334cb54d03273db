"""Blur: three box blurs, close to a Gaussian, at a cost that does not grow with the radius."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import cv2
from numpy.typing import NDArray

from fearrefactor.media.effects.grid import means_of

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil

Cells = TypeVar("Cells", bound=NDArray[Any])

#: Radius of a box as a share of the object's size. Three boxes have the standard deviation of a
#: Gaussian of about that radius: a face is then five of them wide.
RADIUS_SHARE = 0.2
MIN_RADIUS_PX = 4
PASSES = 3
# A box of at least this radius in cells is as smooth on means of cells as on samples.
_RADIUS_CELLS = 6


@dataclass(frozen=True, slots=True)
class Boxes:
    """How a plane is blurred: by boxes of ``2 × n + 1`` cells of ``down`` × ``across`` samples.

    Means of small cells, interpolated at the end, cost a fraction of samples and cannot be told
    from them under a wide blur.
    """

    down: int
    across: int
    rows: int
    columns: int

    @classmethod
    def of(cls, plane: Plane, brush: Brush) -> Self:
        """Those for an object of the brush's size."""
        radius_px = max(brush.length_px(RADIUS_SHARE), MIN_RADIUS_PX)
        radius_y = max(radius_px / (1 << plane.sub_y), 1.0)
        radius_x = max(radius_px / (1 << plane.sub_x), 1.0)
        down, across = _cell(radius_y), _cell(radius_x)
        return cls(down, across, round(radius_y / down), round(radius_x / across))

    @property
    def reach(self) -> int:
        """In cells: what lies further away than all boxes cannot reach a sample."""
        return PASSES * max(self.rows, self.columns) + 1

    def soften(self, means: Cells) -> Cells:
        """Means of cells, blurred; what is beyond the border is reflected."""
        size = (2 * self.columns + 1, 2 * self.rows + 1)
        soft: Any = means
        for _ in range(PASSES):
            soft = cv2.blur(soft, size, borderType=cv2.BORDER_REFLECT)
        return cast("Cells", soft)


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Blur the samples inside the stencil; see ``Apply``."""
    boxes = Boxes.of(plane, brush)
    grid = means_of(plane, stencil, down=boxes.down, across=boxes.across, reach=boxes.reach)
    soft = replace(grid, means=boxes.soften(grid.means))
    soft.crop_to(stencil, 1).paint(plane, stencil, smooth=True)


def _cell(radius: float) -> int:
    """Largest power of two of which a radius holds ``_RADIUS_CELLS``, at least 1."""
    return 1 << max(int(radius / _RADIUS_CELLS).bit_length() - 1, 0)

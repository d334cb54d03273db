"""Blur: three box blurs, close to a Gaussian, at a cost that does not grow with the radius."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import cv2

from fearrefactor.media.effects.grid import means_of

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil

#: Radius of a box as a share of the object's size. Three boxes have the standard deviation of a
#: Gaussian of about that radius: a face is then five of them wide.
RADIUS_SHARE = 0.2
MIN_RADIUS_PX = 4
PASSES = 3
# A box of at least this radius in cells is as smooth on means of cells as on samples.
_RADIUS_CELLS = 6


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Blur the samples inside the stencil; see ``Apply``.

    It works on means of small cells, interpolated at the end, which costs a fraction and cannot be
    seen under a wide blur.
    """
    radius_px = max(brush.length_px(RADIUS_SHARE), MIN_RADIUS_PX)
    radius_y = max(radius_px / (1 << plane.sub_y), 1.0)
    radius_x = max(radius_px / (1 << plane.sub_x), 1.0)
    down, across = _cell(radius_y), _cell(radius_x)
    boxes_y, boxes_x = round(radius_y / down), round(radius_x / across)
    # What lies further than three radii away cannot reach a sample inside the stencil.
    reach = PASSES * max(boxes_y, boxes_x) + 1
    grid = means_of(plane, stencil, down=down, across=across, reach=reach)
    soft = grid.means
    for _ in range(PASSES):
        kernel = (2 * boxes_x + 1, 2 * boxes_y + 1)
        soft = cast("Samples", cv2.blur(soft, kernel, borderType=cv2.BORDER_REFLECT))
    replace(grid, means=soft).crop_to(stencil, 1).paint(plane, stencil, smooth=True)


def _cell(radius: float) -> int:
    """Largest power of two of which a radius holds ``_RADIUS_CELLS``, at least 1."""
    return 1 << max(int(radius / _RADIUS_CELLS).bit_length() - 1, 0)

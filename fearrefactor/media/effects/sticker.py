"""Sticker: a picture over the object's box, cut to its mask, and a colour where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.media.picture import resized

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Paint the picture, as large as fits into the mask's box, and ``brush.level`` beside it.

    It is cut to the mask, as what lies outside has to stay; see ``Apply``.
    """
    rows, columns = (np.flatnonzero(stencil.inside.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return
    picture = brush.pictured()
    box = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    scale = min(box[0] / picture.shape[0], box[1] / picture.shape[1])
    height, width = (max(round(side * scale), 1) for side in picture.shape)
    top, left = rows[0] + (box[0] - height) // 2, columns[0] + (box[1] - width) // 2
    values = np.full(stencil.inside.shape, brush.level, plane.samples.dtype)
    values[top : top + height, left : left + width] = resized(picture, width, height)
    stencil.paint(plane, values)

"""Background image: a picture in place of everything but the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Set the samples inside the stencil to those of a picture as large as the plane.

    See ``Apply``.
    """
    rows, columns = slice(stencil.top, stencil.bottom), slice(stencil.left, stencil.right)
    stencil.paint(plane, brush.pictured()[rows, columns])

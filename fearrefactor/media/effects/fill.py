"""Fill: one colour. Nothing of what it covers can be computed back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Set the samples inside the stencil to ``brush.level``; see ``Apply``."""
    stencil.paint(plane, brush.level)

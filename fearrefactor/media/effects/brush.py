"""What every effect is told, and what it is: a function that writes into a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil


@dataclass(frozen=True, slots=True, eq=False)
class Brush:
    """How coarse an effect is, and in which colour.

    ``size_px``: the masked object's size in frame pixels; ``strength``: 1 is the default;
    ``level``: the fill colour as a sample of the plane at hand; ``picture``: an effect's picture
    as samples of the plane at hand, opaque and turned as the frame is coded.
    """

    size_px: float
    strength: float
    level: int
    picture: Samples | None = None

    def length_px(self, share: float) -> float:
        """A share of the object's size in frame pixels, scaled by the strength."""
        return share * self.size_px * self.strength

    def pictured(self) -> Samples:
        """Its picture.

        Raises:
            ValueError: it has none.
        """
        if self.picture is None:
            raise ValueError("expected a brush with a picture")
        return self.picture


class Apply(Protocol):
    """Masks the samples of one plane in place: all inside the stencil, none outside it.

    It may read the whole plane. An object of ``brush.size_px`` must not be recognisable afterwards,
    in any plane, up to the last row and column.
    """

    def __call__(self, plane: Plane, stencil: Stencil, brush: Brush) -> None:
        """Mask one plane."""

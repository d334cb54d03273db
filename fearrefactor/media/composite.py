"""Puts effects where masks are, in a frame's own planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.media.effects import EFFECTS, OPAQUE, fill
from fearrefactor.media.effects.brush import Brush
from fearrefactor.media.planes import planes_of
from fearrefactor.media.stencil import cut, onto

if TYPE_CHECKING:
    from collections.abc import Sequence

    import av

    from fearrefactor.core.plan import Region
    from fearrefactor.media.stencil import Stencil


def composite(frame: av.VideoFrame, regions: Sequence[Region], rotation_deg: int) -> None:
    """Mask the regions of a frame in place; samples outside them keep their values.

    The frame is in a working format (see ``planes.to_planar``); alpha is left as it is.
    ``rotation_deg``: how far the coded picture is to be turned clockwise to stand upright, as the
    masks do.

    Raises:
        UnsupportedError: a pixel format that is not a working format.
        ValueError: a rotation that is not a quarter turn, or a region that masks nothing.
    """
    if not regions:
        return
    frame.make_writable()  # the decoder may still predict other frames from this buffer
    planes = [plane for plane in planes_of(frame) if plane.role != "alpha"]
    interlaced = bool(frame.interlaced_frame)
    for region in _in_order(regions):
        whole = cut(region.mask, rotation_deg, frame.width, frame.height)
        stencils: dict[tuple[int, int], Stencil] = {}
        apply = EFFECTS[region.effect.kind]
        for plane, level in zip(planes, fill.levels(region.effect.rgb, frame), strict=True):
            key = (plane.sub_x, plane.sub_y)
            if key not in stencils:
                stencils[key] = onto(whole, plane, interlaced=interlaced)
            apply(plane, stencils[key], Brush(region.size_px, region.effect.strength, level))


def _in_order(regions: Sequence[Region]) -> list[Region]:
    """Regions in an order in which none shows what another hides.

    Blur and mosaic read a little around their mask. Were they first, they would carry parts of a
    neighbour that is still to be masked out of its mask, at their own and perhaps finer grain. So
    opaque effects come first, then the coarsest, and each region works on what those before it
    left. Where masks overlap, both effects have passed over the picture and it shows no more than
    either alone would. At the end the opaque ones are repeated, for a blur next to them has
    softened their edge.
    """
    opaque = [region for region in regions if region.effect.kind in OPAQUE]
    others = [region for region in regions if region.effect.kind not in OPAQUE]
    others.sort(key=lambda region: -region.size_px * region.effect.strength)
    return [*opaque, *others, *opaque] if others else opaque

"""Puts effects where masks are, in a frame's own planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.core.policy import PICTURED
from fearrefactor.media.colors import Colors
from fearrefactor.media.effects import EFFECTS, OPAQUE
from fearrefactor.media.effects.brush import Brush
from fearrefactor.media.feather import Feather
from fearrefactor.media.picture import picture_planes
from fearrefactor.media.planes import planes_of
from fearrefactor.media.stencil import cut, onto

if TYPE_CHECKING:
    from collections.abc import Sequence

    import av

    from fearrefactor.core.plan import Region
    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil


def composite(frame: av.VideoFrame, regions: Sequence[Region], rotation_deg: int) -> None:
    """Mask the regions of a frame in place; samples outside them keep their values.

    The frame is in a working format (see ``planes.to_planar``); alpha is left as it is.
    ``rotation_deg``: how far the coded picture is to be turned clockwise to stand upright, as the
    masks do.

    Raises:
        UnsupportedError: a pixel format that is not a working format.
        PolicyError: an effect's picture cannot be used.
        ValueError: a rotation that is not a quarter turn, or a region that masks nothing.
    """
    if not regions:
        return
    frame.make_writable()  # the decoder may still predict other frames from this buffer
    planes = [plane for plane in planes_of(frame) if plane.role != "alpha"]
    interlaced = bool(frame.interlaced_frame)
    colors = Colors.of(frame)
    stencils = [cut(region.mask, rotation_deg, frame.width, frame.height) for region in regions]
    feathered = any(region.effect.feather for region in regions)
    sources = [plane.samples.copy() for plane in planes] if feathered else []
    brushes = [_brushes(region, colors, planes, rotation_deg) for region in regions]
    laid: dict[tuple[int, int, int], Stencil] = {}
    for n in _in_order(regions):
        for plane, brush in zip(planes, brushes[n], strict=True):
            key = (n, plane.sub_x, plane.sub_y)
            if key not in laid:
                laid[key] = onto(stencils[n], plane, interlaced=interlaced)
            EFFECTS[regions[n].effect.kind](plane, laid[key], brush)
    if feathered:
        reaches = [region.effect.feather * region.size_px for region in regions]
        feather = Feather(stencils, reaches, (frame.height, frame.width))
        for plane, source in zip(planes, sources, strict=True):
            feather.fade(plane, source, interlaced=interlaced)


def _brushes(
    region: Region, colors: Colors, planes: Sequence[Plane], rotation_deg: int
) -> list[Brush]:
    """One for each plane."""
    effect = region.effect
    pictures: Sequence[Samples | None] = [None] * len(planes)
    if effect.kind in PICTURED:
        pictures = picture_planes(effect, colors, planes, rotation_deg)
    return [
        Brush(region.size_px, effect.strength, level, picture)
        for level, picture in zip(colors.levels(effect.rgb), pictures, strict=True)
    ]


def _in_order(regions: Sequence[Region]) -> list[int]:
    """Regions by number, in an order in which none shows what another hides.

    Blurs and mosaics read a little around their mask. Were they first, they would carry parts of a
    neighbour that is still to be masked out of its mask, at their own and perhaps finer grain. So
    opaque effects come first, then the coarsest, and each region works on what those before it
    left. Where masks overlap, both effects have passed over the picture and it shows no more than
    either alone would. At the end the opaque ones are repeated, for a blur next to them has
    softened their edge. A background comes before what may stand in front of it: a fill or a
    sticker lies on a background image, and what a blurred person's edge mixes with is that image.
    """
    numbers = range(len(regions))
    opaque = [n for n in numbers if regions[n].effect.kind in OPAQUE]
    opaque.sort(key=lambda n: not regions[n].effect.is_background)
    others = [n for n in numbers if regions[n].effect.kind not in OPAQUE]
    others.sort(key=lambda n: -regions[n].size_px * regions[n].effect.strength)
    return [*opaque, *others, *opaque] if others else opaque

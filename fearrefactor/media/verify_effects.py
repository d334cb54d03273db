"""Whether effects hide anything at all, tried on noise.

The verifier paints what was planned with the very code that has painted the result: if that does
nothing, both agree. So it is tried on a frame in which any effect must show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.rle import encode
from fearrefactor.errors import FidelityError
from fearrefactor.media.blocks import kept, layers
from fearrefactor.media.planes import planes_of, to_planar
from fearrefactor.media.render import mask_frame

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from fearrefactor.core.plan import Region
    from fearrefactor.core.video import VideoInfo

#: Cells across and down of a mask that covers a frame.
_CELLS = 8


def prove_effect(frame: VideoFrame, region: Region, info: VideoInfo) -> None:
    """Lay the effect of a region over all of a frame of noise, of the kind of ``frame``.

    ``frame`` may be overwritten.

    Raises:
        FidelityError: it changes nothing.
    """
    noisy = to_planar(frame)
    noisy.make_writable()
    random = np.random.default_rng(0)
    for plane in planes_of(noisy):
        shape, kind = plane.samples.shape, plane.samples.dtype
        plane.samples[:] = random.integers(0, plane.max_value, shape, kind, endpoint=True)
    everywhere = replace(region, mask=encode(np.ones((1, _CELLS, _CELLS), np.uint8))[0])
    before = kept(layers(mask_frame(noisy, (), info)))
    after = layers(mask_frame(noisy, (everywhere,), info))
    pairs = zip(before, after, strict=True)
    if all(np.array_equal(one.samples, other.samples) for one, other in pairs):
        raise FidelityError(f"the effect {region.effect.kind} changes nothing, not even noise")

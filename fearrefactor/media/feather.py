"""Feathered edges: an effect fades in from the outline inwards, and never outwards.

It is done last, over all regions at once: only then no effect reads or repeats a half-masked rim,
and where the rim of one region lies inside another, the other one's mask holds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from fearrefactor.media.stencil import pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil

FULL: Final = 255
# What of the effect shows at the very outline: not nothing.
_AT_OUTLINE = 0.1


class Feather:
    """How much of the effects shows at each pixel of a frame: the most that any region wants.

    ``stencils`` lie on a frame of ``height`` × ``width`` pixels, ``shape``; ``reaches_px`` says for
    each from which distance inside its outline on its effect is whole.
    """

    def __init__(
        self, stencils: Sequence[Stencil], reaches_px: Sequence[float], shape: tuple[int, int]
    ) -> None:
        self._top = min(stencil.top for stencil in stencils)
        self._left = min(stencil.left for stencil in stencils)
        bottom = max(stencil.bottom for stencil in stencils)
        right = max(stencil.right for stencil in stencils)
        self._weight = np.zeros((bottom - self._top, right - self._left), np.uint8)
        for stencil, reach_px in zip(stencils, reaches_px, strict=True):
            top, left = stencil.top - self._top, stencil.left - self._left
            height, width = stencil.inside.shape
            place = self._weight[top : top + height, left : left + width]
            np.maximum(place, _weights(stencil, reach_px, shape), out=place)

    def fade(self, plane: Plane, source: Samples, *, interlaced: bool) -> None:
        """Bring back of ``source``, the plane before it was masked, what shows through the rims.

        A sample that an effect has changed stays changed, by at least 1.
        """
        weight, top, left = pool(self._weight, self._top, self._left, plane, interlaced=interlaced)
        rows, columns = weight.shape
        place = np.s_[top : top + rows, left : left + columns]
        # Flat copies, because pairs of numbers cost several times as much.
        weights, masked = weight.ravel(), plane.samples[place].flatten()
        rim = np.flatnonzero(weights - np.uint8(1) < FULL - 1)  # 0 becomes 255
        before = source[place].ravel()[rim].astype(np.int32)
        change = masked[rim].astype(np.int32) - before
        shown = -(-np.abs(change) * weights[rim] // FULL)
        masked[rim] = (before + np.sign(change) * shown).astype(masked.dtype)
        plane.samples[place] = masked.reshape(rows, columns)


def _weights(stencil: Stencil, reach_px: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """``(height, width)`` of the stencil: 0 outside, ``FULL`` from ``reach_px`` inside on."""
    whole = stencil.inside * np.uint8(FULL)
    if reach_px < 1:
        return whole
    # The frame's border is no outline: the object goes on beyond it.
    top, left = int(stencil.top > 0), int(stencil.left > 0)
    bottom, right = int(stencil.bottom < shape[0]), int(stencil.right < shape[1])
    padded = cv2.copyMakeBorder(whole, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    # Distances are dear, a square's worth of erosion is cheap: it tells where they matter.
    side = 2 * math.ceil(reach_px) + 1
    core = cv2.erode(padded, np.ones((side, side), np.uint8))
    x, y, width, height = cv2.boundingRect(cv2.bitwise_xor(padded, core))
    if not width:
        return whole
    near = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    distance = cv2.distanceTransform(padded[near], cv2.DIST_L2, 3)
    # At its deepest, a mask that is thinner than its rims is masked wholly too.
    reach = reach_px if core.any() else min(reach_px, float(distance.max()) - 1)
    if reach < 1:
        return whole
    step = (1 - _AT_OUTLINE) * FULL / reach
    share = cv2.convertScaleAbs(distance, alpha=step, beta=_AT_OUTLINE * FULL - step)
    padded[near] = cv2.bitwise_and(share, padded[near])
    rows, columns = whole.shape
    return np.asarray(padded[top : top + rows, left : left + columns], np.uint8)

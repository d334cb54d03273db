"""Background blur: everything but the object out of focus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from fearrefactor.media.effects.blur import Boxes
from fearrefactor.media.effects.grid import means_of

if TYPE_CHECKING:
    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane, Samples
    from fearrefactor.media.stencil import Stencil


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Blur the samples inside the stencil, and let none outside it take part; see ``Apply``.

    The object that stays clear would otherwise shine into its surroundings as a halo, and the halo
    would move with it. So each mean is one of weighted samples, with weight 0 outside the stencil,
    and what is blurred are weighted sums and weights.
    """
    boxes = Boxes.of(plane, brush)
    weight = np.zeros(plane.samples.shape, np.float32)
    weight[stencil.top : stencil.bottom, stencil.left : stencil.right] = stencil.inside
    # Sums want more than the plane's own bits, or they would show as steps where weights are small.
    sums, weights = (
        means_of(
            replace(plane, samples=cast("Samples", samples)),
            stencil,
            down=boxes.down,
            across=boxes.across,
            reach=boxes.reach,
        )
        for samples in (plane.samples * weight, weight)
    )
    shares = boxes.soften(weights.means)
    # No cell next to the stencil is without weight: a box reaches further than a cell.
    soft = boxes.soften(sums.means) / np.maximum(shares, 1e-6)
    means = cast("Samples", np.clip(np.rint(soft), 0, plane.max_value).astype(plane.samples.dtype))
    replace(sums, means=means).crop_to(stencil, 1).paint(plane, stencil, smooth=True)

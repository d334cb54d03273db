"""Which frames of a masked video are worth a look: few enough to be kept as pictures."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.gops import runs
from fearrefactor.core.thumbnail import Moment
from fearrefactor.core.verdict import is_uncertain

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.thumbnail import Why

MOST_MOMENTS: Final = 6
#: So many masked frames are measured to find one of which much is masked: each costs microseconds,
#: and a film has a million.
_MEASURED: Final = 1000


def moments(plan: MaskPlan) -> tuple[Moment, ...]:
    """At most ``MOST_MOMENTS`` masked frames in order, none twice; none if nothing is masked.

    The first one, the one of which most is masked, the middle of the longest stretch that is
    unsure, the first in which the audit had found something; the others are spread evenly over
    what is masked. A frame of several kinds is of the rarest.
    """
    masked = np.array(sorted(plan.regions), np.int64)
    if not masked.size:
        return ()
    kinds: dict[Why, int | None] = {
        "audit": _first_audited(plan, masked),
        "unsure": _most_unsure(plan),
        "first": int(masked[0]),
        "most": _most_masked(plan, masked),
    }
    found: dict[int, Why] = {}
    for why, frame in kinds.items():
        if frame is not None:
            found.setdefault(frame, why)
    for frame in _between(masked, found):
        found[frame] = "typical"
    return tuple(Moment(frame, found[frame]) for frame in sorted(found))


def _first_audited(plan: MaskPlan, masked: NDArray[np.int64]) -> int | None:
    audited = (
        frame
        for frame in masked.tolist()
        if any(region.provenance == "audit" for region in plan.regions[frame])
    )
    return next(audited, None)


def _most_unsure(plan: MaskPlan) -> int | None:
    """The middle of the longest stretch in which something rests on nothing that was seen."""
    unsure = np.zeros(plan.n_frames, bool)
    unsure[[frame for frame, regions in plan.regions.items() if is_uncertain(regions)]] = True
    stretches = runs(unsure)
    if not stretches:
        return None
    first, end = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    return (first + end - 1) // 2


def _most_masked(plan: MaskPlan, masked: NDArray[np.int64]) -> int:
    """The first of the largest sums of masks, each as a share of the picture."""
    step = -(-len(masked) // _MEASURED)
    shares = [
        sum(
            region.mask.area() / (region.mask.height * region.mask.width)
            for region in plan.regions[frame]
        )
        for frame in masked[::step].tolist()
    ]
    return int(masked[::step][int(np.argmax(shares))])


def _between(masked: NDArray[np.int64], found: Collection[int]) -> list[int]:
    """More masked frames, each from the middle of the widest gap that is left among them."""
    places: list[int] = np.searchsorted(masked, sorted(found)).tolist()
    more: list[int] = []
    while len(places) < MOST_MOMENTS:
        edges = np.array([-1, *places, len(masked)])
        widest = int(np.argmax(np.diff(edges)))
        if edges[widest + 1] - edges[widest] < 2:
            break
        place = int(edges[widest] + edges[widest + 1]) // 2
        insort(places, place)
        more.append(int(masked[place]))
    return more

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.moments import MOST_MOMENTS, moments
from fearrefactor.core.plan import MaskPlan, Provenance, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode

if TYPE_CHECKING:
    from random import Random

N_FRAMES = 400
PROVENANCES = st.sampled_from(
    ["detected", "continued", "bridged", "extended", "always", "background", "doubt", "audit"]
)


def region(provenance: Provenance = "detected", cells: int = 1, track: int = 0) -> Region:
    bits = np.zeros((1, 4, 5), np.uint8)
    bits[0].flat[:cells] = 1
    return Region(Effect(), encode(bits)[0], 10.0, provenance=provenance, track=track)


def of(*stretches: tuple[range, Region]) -> dict[int, tuple[Region, ...]]:
    return {frame: (masked,) for frames, masked in stretches for frame in frames}


def kinds(regions: dict[int, tuple[Region, ...]]) -> dict[str, int]:
    """Frames of the moments that are more than typical, by kind."""
    found = moments(MaskPlan(N_FRAMES, regions))
    return {moment.why: moment.frame for moment in found if moment.why != "typical"}


@given(
    st.dictionaries(
        st.integers(0, N_FRAMES - 1),
        st.lists(st.builds(region, PROVENANCES, st.integers(0, 20)), min_size=1, max_size=2),
    ),
    st.randoms(use_true_random=False),
)
def test_moments_are_masked_frames_in_order_each_once_and_as_many_as_there_may_be(
    told: dict[int, list[Region]], random: Random
) -> None:
    plan = MaskPlan(N_FRAMES, {frame: tuple(found) for frame, found in told.items()})
    found = moments(plan)
    frames = [moment.frame for moment in found]
    assert frames == sorted(set(frames))
    assert set(frames) <= set(plan.regions)
    assert len(frames) == min(MOST_MOMENTS, plan.n_masked_frames)
    shuffled = list(plan.regions.items())
    random.shuffle(shuffled)
    assert moments(MaskPlan(N_FRAMES, dict(shuffled))) == found


def test_what_is_rare_is_shown_where_it_is() -> None:
    regions = of(
        (range(10, 100), region()),
        (range(60, 64), region("bridged")),
        (range(80, 90), region("extended")),
        (range(120, 130), region(cells=20)),
        (range(125, 127), region("audit", cells=2)),
        (range(300, 303), region("doubt")),
    )
    assert kinds(regions) == {"first": 10, "unsure": 84, "most": 120, "audit": 125}


def test_a_frame_of_several_kinds_is_of_the_rarest() -> None:
    regions = of((range(7, 8), region("audit", cells=20)), (range(8, 20), region()))
    assert kinds(regions) == {"audit": 7}
    assert kinds(of((range(9), region("doubt")))) == {"unsure": 4, "first": 0}


def test_what_was_seen_in_the_same_frame_is_not_unsure() -> None:
    both = dict.fromkeys(range(40), (region(track=1), region("extended", track=1)))
    assert "unsure" not in kinds(both)


def test_much_is_masked_where_all_masks_together_are_largest() -> None:
    regions = of((range(50), region(cells=9)))
    regions[33] = (region(cells=5), region(cells=6, track=1))
    assert kinds(regions)["most"] == 33


def test_in_a_long_film_much_is_masked_near_where_most_is() -> None:
    n_frames = 20_000
    sizes = [region(cells=1 + frame * 19 // n_frames) for frame in range(n_frames)]
    found = moments(MaskPlan(n_frames, {frame: (one,) for frame, one in enumerate(sizes)}))
    (most,) = [moment.frame for moment in found if moment.why == "most"]
    assert sizes[most].mask == sizes[-1].mask


def test_typical_moments_are_spread_over_what_is_masked() -> None:
    masked = [*range(100, 200), *range(390, 400)]
    found = moments(MaskPlan(N_FRAMES, dict.fromkeys(masked, (region(),))))
    places = [masked.index(moment.frame) for moment in found]
    gaps = np.diff([0, *places, len(masked)])
    assert gaps.max() <= 2 * len(masked) / MOST_MOMENTS
    assert [moment.why for moment in found].count("typical") == MOST_MOMENTS - 1

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect, Policy
from fearrefactor.core.rle import encode
from fearrefactor.core.verdict import review_reasons

N_FRAMES = 100
CANVAS = Canvas(320, 180, np.arange(N_FRAMES) / 10)
HALF = np.array([[1, 0]], np.uint8)


def region(provenance: str = "detected", track: int = -1, bits: np.ndarray = HALF) -> Region:
    (mask,) = encode(bits[None])
    return Region(Effect(), mask, 10.0, provenance=provenance, track=track)


def reasons(regions: dict[int, tuple[Region, ...]], **limits: float) -> tuple[str, ...]:
    policy = Policy.model_validate({"rules": [{"classes": ["dog"]}], "review": limits})
    return review_reasons(MaskPlan(N_FRAMES, regions), policy, CANVAS)


def everywhere(*regions: Region, frames: range = range(N_FRAMES)) -> dict[int, tuple[Region, ...]]:
    return dict.fromkeys(frames, regions)


def test_without_limits_nothing_is_a_reason() -> None:
    assert reasons(everywhere(region("doubt"))) == ()


def test_nothing_masked_is_no_reason_even_at_limits_of_zero() -> None:
    assert reasons({}, masked_frames=0, masked_area=0, uncertain=0) == ()


@given(n=st.integers(0, N_FRAMES), limit=st.floats(0, 0.999))
def test_masked_frames_are_a_reason_exactly_beyond_their_limit(n: int, limit: float) -> None:
    said = reasons(everywhere(region(), frames=range(n)), masked_frames=limit)
    assert bool(said) == (n / N_FRAMES > limit)


def test_a_reason_tells_share_limit_and_the_longest_time() -> None:
    frames = [3, *range(20, 60), *range(70, 80)]
    (said,) = reasons({i: (region(),) for i in frames}, masked_frames=0.5)
    assert said == ("masked in 51 % of 100 frames, limit 50 %; longest from 2.0 s to 5.9 s")
    (said,) = reasons({7: (region(),)}, masked_frames=0)
    assert said == "masked in 1 % of 100 frames, limit 0 %; longest at 0.7 s"


def test_the_area_is_the_mean_over_all_frames_of_what_the_masks_cover_together() -> None:
    left, top = region(), region(bits=np.array([[1], [0]], np.uint8))  # 3 of 4 quarters
    half_of_them = everywhere(left, top, left, frames=range(50, 100))
    assert reasons(half_of_them, masked_area=0.376) == ()
    (said,) = reasons(half_of_them, masked_area=0.374)
    assert said == (
        "masked over 37.5 % of the picture on average, limit 37.4 %; longest from 5.0 s to 9.9 s"
    )


@given(masks=st.lists(hnp.arrays(np.uint8, (6, 10), elements=st.integers(0, 1)), min_size=1))
def test_masks_of_two_sizes_cover_as_much_as_one_mask_of_them_all(
    masks: list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]],
) -> None:
    union = np.bitwise_or.reduce(masks)
    coarse = masks[0][::2, ::2]
    union |= coarse.repeat(2, axis=0).repeat(2, axis=1)
    regions = (region(bits=coarse), *(region(bits=bits) for bits in masks))
    share = float(union.mean())
    assert bool(reasons(everywhere(*regions), masked_area=max(share - 1e-6, 0))) == (share > 0)
    assert (
        reasons(everywhere(*regions), masked_area=min(share + 1e-6, 0.999999)) == () or share == 1
    )


@pytest.mark.parametrize(
    ("regions", "uncertain"),
    [
        ((region("detected", 1),), False),
        ((region("continued", 1),), True),
        ((region("bridged", 1),), True),
        ((region("extended", 1),), True),
        ((region("doubt"),), True),
        ((region("always"),), False),
        ((region("background"),), False),
        ((region("audit"),), False),
        ((region("detected", 1), region("continued", 1)), False),
        ((region("detected", 1), region("continued", 2)), True),
        ((region("detected"), region("doubt")), True),
    ],
)
def test_a_frame_is_uncertain_if_something_is_masked_that_was_not_clearly_seen_in_it(
    regions: tuple[Region, ...], *, uncertain: bool
) -> None:
    assert bool(reasons(everywhere(*regions), uncertain=0.99)) == uncertain


def test_the_uncertain_are_a_share_of_the_masked_frames() -> None:
    regions = everywhere(region("detected", 1), frames=range(10, 26))
    regions |= everywhere(region("bridged", 1), frames=range(26, 30))
    assert reasons(regions, uncertain=0.2) == ()
    (said,) = reasons(regions, uncertain=0.19)
    assert said == (
        "something is masked that was not clearly seen there in 20 % of 20 masked frames, "
        "limit 19 %; longest from 2.6 s to 2.9 s"
    )


def test_every_limit_that_is_passed_is_a_reason_of_its_own() -> None:
    said = reasons(everywhere(region("doubt")), masked_frames=0.5, masked_area=0.3, uncertain=0.1)
    assert len(said) == 3

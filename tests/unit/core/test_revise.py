from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from values import CARD, detections

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.decide import decide
from fearrefactor.core.decisions import More
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule
from fearrefactor.core.presets import PRESETS
from fearrefactor.core.revise import joined, revised
from fearrefactor.core.rle import encode
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_FRAMES, RATE = 12, 10
CANVAS = Canvas(160, 96, np.arange(N_FRAMES) / RATE)  # masks of 40 × 24 cells: 4 pixels a cell
NAMES = CARD.classes[:3]
Row: TypeAlias = tuple[int, int, float, tuple[float, float, float, float], Any]


def spot(left: int, top: int, width: int = 6, height: int = 5) -> NDArray[np.uint8]:
    bits = np.zeros((24, 40), np.uint8)
    bits[top : top + height, left : left + width] = 1
    return bits


@st.composite
def sightings(draw: st.DrawFn) -> list[Row]:
    """A few things of three classes, some seen faintly."""
    found: list[Row] = []
    for _ in range(draw(st.integers(1, 8))):
        left, top = draw(st.integers(0, 33)), draw(st.integers(0, 18))
        box = (left * 4.0, top * 4.0, left * 4.0 + 24, top * 4.0 + 20)
        score = draw(st.sampled_from([0.1, 0.3, 0.6, 0.95]))
        frame, kind = draw(st.integers(0, N_FRAMES - 1)), draw(st.integers(0, 2))
        found.append((frame, kind, score, box, spot(left, top)))
    return sorted(found, key=lambda one: one[0])


some_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
plain_rules = st.builds(
    Rule,
    classes=some_names,
    confidence=st.sampled_from([0.05, 0.25, 0.5, 0.9]),
    effect=st.sampled_from([Effect(kind="fill"), Effect()]),
    margin=st.sampled_from([0.0, 0.1, 0.4]),
    spread_frames=st.integers(0, 2),
    bridge_s=st.sampled_from([0.0, 0.5]),
    extend_s=st.sampled_from([0.0, 0.3]),
    min_area=st.sampled_from([0.0, 0.05]),
)
places = st.builds(
    Always,
    box=st.sampled_from([None, (0.0, 0.0, 0.5, 0.5), (0.3, 0.2, 0.9, 1.0)]),
    start_s=st.sampled_from([0.0, 0.4]),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rules: list[Rule] = draw(st.lists(plain_rules, min_size=1, max_size=3))
    if draw(st.booleans()):
        clear = Rule(classes=draw(some_names), effect=Effect(kind="background-blur"))
        rules.insert(draw(st.integers(0, len(rules))), clear)
    return Policy.model_validate(
        {
            "name": draw(st.sampled_from(["a", "n" * 64])),
            "preset": draw(st.sampled_from(list(PRESETS))),
            "rules": [rule.model_dump() for rule in rules],
            "always": draw(st.lists(places, max_size=1)),
            "review": Review(masked_frames=0.1),
            "in_doubt": draw(st.sampled_from(["track", "whole_frame"])),
            "on_leak": draw(st.sampled_from(["fail", "review"])),
        }
    )


without_keep = st.builds(
    More,
    always=st.lists(places, max_size=2).map(tuple),
    classes=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
    confidence=st.sampled_from([None, 0.05, 0.4, 1.0]),
    margin=st.sampled_from([None, 0.0, 0.2, 1.0]),
)


def is_hit(policy: Policy, kind: int, score: float, area: float) -> bool:
    """Whether the first rule that matches something masks it."""
    for rule in policy.rules:
        if NAMES[kind] not in rule.classes:
            continue
        if area < rule.min_area:
            return False
        if np.float32(score) >= np.float32(rule.confidence):
            return not rule.effect.is_background
    return False


def masked_cells(plan: MaskPlan, frame: int) -> NDArray[np.bool_]:
    """Fine cells (48 × 80) that are masked in a frame."""
    cells = np.zeros((48, 80), bool)
    for region in plan.regions.get(frame, ()):
        bits = region.mask.bits().astype(bool)
        rows = (2 * np.arange(48) + 1) * bits.shape[0] // 96
        columns = (2 * np.arange(80) + 1) * bits.shape[1] // 160
        cells |= bits[rows[:, None], columns]
    return cells


@given(rows=sightings(), policy=policies(), more=without_keep)
@settings(max_examples=100)
def test_whatever_a_rule_masks_for_its_score_is_masked_by_the_revised_policy(
    rows: list[Row], policy: Policy, more: More
) -> None:
    plan = decide(detections(N_FRAMES, rows), revised(policy, more), CARD, CANVAS)
    for frame, kind, score, _, bits in rows:
        if is_hit(policy, kind, score, float(bits.mean())):
            thing = bits.repeat(2, axis=0).repeat(2, axis=1).astype(bool)
            assert (masked_cells(plan, frame) >= thing).all()


@given(rows=sightings(), policy=policies(), more=without_keep)
@settings(max_examples=40)
def test_nothing_that_was_masked_in_a_picture_is_seen_in_the_joined_plan(
    rows: list[Row], policy: Policy, more: More
) -> None:
    seen = detections(N_FRAMES, rows)
    before = decide(seen, policy, CARD, CANVAS)
    after = joined(decide(seen, revised(policy, more), CARD, CANVAS), before)
    for frame, found in before.regions.items():
        assert (masked_cells(after, frame) >= masked_cells(before, frame)).all()
        for region in found:
            assert any(
                other.effect == region.effect and other.size_px >= region.size_px
                for other in after.regions[frame]
            )


@given(policy=policies(), more=without_keep)
def test_only_the_limits_of_review_are_dropped(policy: Policy, more: More) -> None:
    new = revised(policy, more)
    assert new.review == Review()
    for name in ("preset", "in_doubt", "on_leak", "keep", "keep_tags"):
        assert getattr(new, name) == getattr(policy, name)
    assert new.name == f"{policy.name[:59]}-more"
    assert new.always == (*policy.always, *more.always)
    assert revised(new, More(margin=0.0)).digest() == new.digest()


def policy_of(*rules: dict[str, Any], **fields: Any) -> Policy:
    return Policy.model_validate({"rules": list(rules), **fields})


def test_rules_are_as_sure_and_as_narrow_as_asked_or_as_they_were() -> None:
    policy = policy_of(
        {"classes": ["dog"], "confidence": 0.5, "margin": 0.0},
        {"classes": ["bird"], "confidence": 0.1, "margin": 0.3},
    )
    new = revised(policy, More(confidence=0.2, margin=0.1))
    assert [(rule.confidence, rule.margin) for rule in new.rules] == [(0.2, 0.1), (0.1, 0.3)]


def test_another_class_is_masked_as_the_first_rule_masks_its_own() -> None:
    dog = {"classes": ["dog"], "effect": "fill", "confidence": 0.4, "min_area": 0.01}
    new = revised(policy_of(dog), More(classes=("Bird", "dog")))
    assert [rule.classes for rule in new.rules] == [("dog",), ("Bird",)]
    assert new.rules[1] == new.rules[0].model_copy(update={"classes": ("Bird",)})
    assert [rule.min_area for rule in new.rules] == [0.0, 0.0]


def test_a_class_that_a_background_leaves_clear_is_masked_before_it() -> None:
    policy = policy_of({"classes": ["person"], "effect": "background-blur"}, preset="strict")
    new = revised(policy, More(classes=("person",), margin=0.9, confidence=0.06))
    assert new.rules[1] == policy.rules[0]
    assert (new.rules[0].classes, new.rules[0].effect.kind) == (("person",), "fill")
    assert (new.rules[0].confidence, new.rules[0].margin) == (0.06, 0.9)


def test_what_is_kept_must_be_masked_anyway() -> None:
    more = More(keep=(Keep(classes=("bird",), inside=("person",)),))
    assert revised(policy_of({"classes": ["bird"]}), more).keep == more.keep
    with pytest.raises(PolicyError, match="what is to be kept: expected classes that a rule masks"):
        revised(policy_of({"classes": ["dog"]}), more)


def region(bits: NDArray[np.uint8], track: int, effect: Effect | None = None) -> Region:
    return Region(effect or Effect(), encode(bits[None])[0], 20.0, track=track)


def test_what_a_plan_hides_as_well_is_not_in_it_twice() -> None:
    small, large, aside = spot(4, 4), spot(3, 3, 9, 9), spot(30, 4)
    filled = Effect(kind="fill")
    earlier = MaskPlan(3, {0: (region(small, 4),), 2: (region(small, 0), region(aside, 1, filled))})
    new = MaskPlan(3, {0: (region(large, 4),), 1: (region(large, 4),), 2: (region(aside, 4),)})
    both = joined(new, earlier)
    assert list(both.regions) == [0, 1, 2]
    assert both.regions[0] == new.regions[0]
    added = both.regions[2][1:]
    assert [(r.track, r.effect.kind) for r in added] == [(5, "blur"), (6, "fill")]
    assert joined(new, new) == new


def test_plans_of_different_videos_are_not_joined() -> None:
    with pytest.raises(ValueError, match="got 3 and 4 frames"):
        joined(MaskPlan(3, {}), MaskPlan(4, {}))

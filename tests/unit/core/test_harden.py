from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from values import CARD, detections

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.decide import decide
from fearrefactor.core.harden import changed_frames, harden
from fearrefactor.core.leaks import find_leaks
from fearrefactor.core.policy import Effect, Policy, Rule

if TYPE_CHECKING:
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.plan import MaskPlan

ROWS, COLUMNS, CELL_PX, N = 24, 40, 4, 30
DOG = CARD.class_id("dog")
CANVAS = Canvas(COLUMNS * CELL_PX, ROWS * CELL_PX, np.arange(N) / 24)
POLICY = Policy(rules=(Rule(classes=("dog",), effect=Effect(kind="blur")),))
Sighting = tuple[int, int, float]  # frame, left cell, score


def dogs(*sightings: Sighting, top: int = 8) -> Detections:
    rows = []
    for frame, left, score in sightings:
        bits = np.zeros((ROWS, COLUMNS), np.uint8)
        bits[top : top + 6, left : left + 6] = 1
        corners = (left, top, left + 6, top + 6)
        rows.append((frame, DOG, score, tuple(float(CELL_PX * c) for c in corners), bits))
    return detections(N, rows)  # type: ignore[arg-type]


def hardened(
    first: Detections, seen_again: Detections, policy: Policy = POLICY, *, again: bool = False
) -> tuple[MaskPlan, MaskPlan]:
    plan = decide(first, policy, CARD, CANVAS)
    leaks = find_leaks(plan, seen_again, policy, CARD, CANVAS)
    after = harden(
        plan,
        leaks,
        hardened={leak.track for leak in leaks} if again else set(),
        seen_again=seen_again,
        seen_first=first,
        policy=policy,
        card=CARD,
        canvas=CANVAS,
    )
    return plan, after


def kinds(plan: MaskPlan, frame: int) -> set[tuple[str, str]]:
    return {(region.effect.kind, region.provenance) for region in plan.regions.get(frame, ())}


def test_a_track_seen_through_its_mask_gets_a_wider_and_stronger_one_in_all_of_its_frames() -> None:
    standing = dogs(*((frame, 10, 0.9) for frame in range(5, 20)))
    plan, after = hardened(standing, dogs((9, 10, 0.5)))
    assert changed_frames(plan, after) == tuple(sorted(plan.regions))
    for frame, (region,) in after.regions.items():
        assert region.effect == Effect(kind="blur", strength=2)
        before, bits = plan.regions[frame][0].mask.bits(), region.mask.bits()
        assert bits.sum() > before.sum()
        assert not (before & ~bits & 1).any()


@pytest.mark.parametrize(("effect", "again"), [("blur", True), ("fill", False)])
def test_where_that_was_not_enough_or_is_not_possible_its_box_is_filled(
    effect: str, *, again: bool
) -> None:
    policy = Policy.model_validate({"rules": [{"classes": ["dog"], "effect": effect}]})
    standing = dogs(*((frame, 10, 0.9) for frame in range(5, 20)))
    plan, after = hardened(standing, dogs((9, 10, 0.5)), policy, again=again)
    assert changed_frames(plan, after) == tuple(sorted(plan.regions))
    for frame, (region,) in after.regions.items():
        assert region.effect == Effect(kind="fill")
        bits = region.mask.bits()
        rows, columns = np.nonzero(bits)
        assert bits[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        before = plan.regions[frame][0].mask.bits()
        assert bits.sum() > before.sum()
        assert not (before & ~bits & 1).any()


def test_other_tracks_stay_as_they_are() -> None:
    first = dogs(*((frame, left, 0.9) for frame in range(5, 20) for left in (4, 28)))
    plan, after = hardened(first, dogs((9, 4, 0.5)))
    for frame in plan.regions:
        right, left = sorted(after.regions[frame], key=lambda r: r.effect.strength)
        assert (left.effect.strength, right.effect.strength) == (2, 1)
        assert right in plan.regions[frame]


def test_what_was_missed_is_masked_before_and_after_too_wherever_it_was_faintly_seen() -> None:
    faint = dogs(*((frame, 10, 0.1) for frame in range(30)))
    plan, after = hardened(faint, dogs((15, 10, 0.5)))
    assert plan.regions == {}
    assert set(after.regions) == set(range(30))
    assert kinds(after, 15) == kinds(after, 0) == {("blur", "audit")}


def test_what_was_missed_altogether_is_masked_between_the_frames_in_which_it_was_found() -> None:
    plan, after = hardened(dogs((2, 30, 0.9)), dogs((5, 6, 0.5), (15, 6, 0.5), (25, 6, 0.5)))
    assert set(range(5, 26)) <= set(after.regions)
    added = {r.track for frame in range(5, 26) for r in after.regions[frame] if r.track > 0}
    assert len(added) == 1
    assert all(set(plan.regions[frame]) <= set(after.regions[frame]) for frame in plan.regions)


@settings(max_examples=25, deadline=None)
@given(
    first=st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, 34)), max_size=6, unique=True),
    again=st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, 34)), min_size=1, max_size=4),
)
def test_each_leak_is_covered_afterwards_and_nothing_is_uncovered(
    first: list[tuple[int, int]], again: list[tuple[int, int]]
) -> None:
    found = dogs(*((frame, left, 0.5) for frame, left in sorted(again)), top=10)
    plan, after = hardened(dogs(*((frame, left, 0.9) for frame, left in sorted(first))), found)
    for row, frame in enumerate(found.frame.tolist()):
        covered = _union(after, frame)
        assert covered[np.kron(found.mask[row].bits(), np.ones((2, 2))) == 1].mean() > 0.85
    for frame in plan.regions:
        assert not (_union(plan, frame) & ~_union(after, frame)).any()


def _union(plan: MaskPlan, frame: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    masks = [region.mask.bits() for region in plan.regions[frame]]
    return np.asarray(np.any(masks, axis=0))

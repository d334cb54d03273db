from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from values import CARD, detections, video_info

from fearrefactor.core.detections import Detections, join
from fearrefactor.core.plan import MaskPlan, decide, widen
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.errors import PolicyError

INFO = video_info()  # 160 × 96; masks of 40 × 24 cells are 4 pixels a cell
SPOT = np.zeros((24, 40), np.uint8)
SPOT[8:14, 10:20] = 1
BOX = (40.0, 32.0, 80.0, 56.0)
PERSON, DOG = 0, 1

Row = tuple[int, int, float, tuple[float, float, float, float], Any]


def rule(name: str, kind: str = "blur", confidence: float = 0.25, margin: float = 0.0) -> Rule:
    effect = Effect.model_validate({"kind": kind})
    return Rule(classes=(name,), effect=effect, confidence=confidence, margin=margin)


def plan_of(rows: list[Row], *rules: Rule, n_frames: int = 10) -> MaskPlan:
    return decide(detections(n_frames, rows), Policy(rules=rules), CARD, INFO)


@st.composite
def rows(draw: st.DrawFn, n_frames: int = 10) -> list[Row]:
    bits = hnp.arrays(np.uint8, (6, 10), elements=st.integers(0, 1))
    row = st.tuples(
        st.integers(0, n_frames - 1), st.integers(0, 3), st.sampled_from([0.1, 0.25, 0.5, 1.0]),
        st.just(BOX), bits,
    )  # fmt: skip
    return sorted(draw(st.lists(row, max_size=8)), key=lambda row: row[0])


@given(score=st.floats(0, 1, width=32), confidence=st.floats(0.01, 1))
def test_an_instance_is_masked_from_its_rules_confidence_on(
    score: float, confidence: float
) -> None:
    plan = plan_of([(3, DOG, score, BOX, SPOT)], rule("dog", confidence=confidence))
    assert (3 in plan.regions) == (score >= confidence)


def test_a_class_that_no_rule_names_is_left_alone() -> None:
    plan = plan_of([(3, DOG, 1.0, BOX, SPOT)], rule("person"))
    assert plan.regions == {}
    assert plan.n_masked_frames == 0
    assert plan.n_frames == 10


def test_the_first_rule_that_matches_wins() -> None:
    strict, lax = rule("dog", "fill", confidence=0.8), rule("dog", "blur", confidence=0.3)
    for score, kind in ((0.9, "fill"), (0.5, "blur")):
        (region,) = plan_of([(0, DOG, score, BOX, SPOT)], strict, lax).regions[0]
        assert region.effect.kind == kind
    (region,) = plan_of([(0, DOG, 0.9, BOX, SPOT)], lax, strict).regions[0]
    assert region.effect.kind == "blur"


def test_every_instance_of_a_frame_is_masked() -> None:
    plan = plan_of(
        [(2, DOG, 0.9, BOX, SPOT), (2, PERSON, 0.9, BOX, SPOT), (2, DOG, 0.8, BOX, SPOT)],
        rule("person", "fill"),
        rule("dog"),
    )
    assert [region.effect.kind for region in plan.regions[2]] == ["blur", "fill", "blur"]


def test_names_of_classes_are_taken_in_any_case() -> None:
    assert plan_of([(0, DOG, 1.0, BOX, SPOT)], rule(" Dog ")).n_masked_frames == 1


def test_a_class_that_the_model_lacks_is_an_error_and_not_an_empty_plan() -> None:
    with pytest.raises(PolicyError, match="nearest: teddy bear"):
        plan_of([], rule("teddy bears"))


def test_without_a_margin_the_mask_is_what_was_seen() -> None:
    (region,) = plan_of([(0, DOG, 1.0, BOX, SPOT)], rule("dog", margin=0)).regions[0]
    assert (region.mask.bits() == SPOT).all()
    assert region.size_px == pytest.approx(4 * 60**0.5)  # 6 × 10 cells of 4 × 4 pixels


@given(margins=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_a_larger_margin_never_uncovers_anything(margins: list[float]) -> None:
    less, more = (
        plan_of([(0, DOG, 1.0, BOX, SPOT)], rule("dog", margin=margin)).regions[0][0].mask.bits()
        for margin in margins
    )
    assert (less >= SPOT).all()
    assert (less <= more).all()


def test_any_margin_at_all_widens_by_a_cell_and_scales_with_the_object() -> None:
    (region,) = plan_of([(0, DOG, 1.0, BOX, SPOT)], rule("dog", margin=0.3)).regions[0]
    assert (region.mask.bits() == widen(SPOT, 3)).all()  # 0.3 of √60 = 2.3 cells, rounded up
    (region,) = plan_of([(0, DOG, 1.0, BOX, SPOT)], rule("dog", margin=0.01)).regions[0]
    assert (region.mask.bits() == widen(SPOT, 1)).all()


@given(
    corners=st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    shape=st.sampled_from([(24, 40), (1, 1), (7, 11), (96, 160)]),
)
def test_an_empty_mask_falls_back_to_its_box(corners: list[float], shape: tuple[int, int]) -> None:
    (left, right), (top, bottom) = sorted(corners[:2]), sorted(corners[2:])
    box = (left * 160, top * 96, right * 160, bottom * 96)
    plan = plan_of([(0, DOG, 1.0, box, np.zeros(shape, np.uint8))], rule("dog"))
    bits = plan.regions[0][0].mask.bits()
    pixels = bits[np.arange(96) * shape[0] // 96][:, np.arange(160) * shape[1] // 160]
    inside = pixels[round(box[1]) : int(box[3]), round(box[0]) : int(box[2])]
    assert bits.any()
    assert inside.all()
    assert plan.regions[0][0].size_px > 0


@given(rows=rows(), cuts=st.sets(st.integers(1, 9), max_size=4))
@settings(max_examples=50)
def test_the_plan_does_not_depend_on_how_the_video_was_cut(rows: list[Row], cuts: set[int]) -> None:
    policy = Policy(rules=(rule("dog", "fill"), rule("person", margin=0.2)))
    edges = [0, *sorted(cuts), 10]
    parts: list[Detections] = [
        detections(end - start, [row for row in rows if start <= row[0] < end], start)
        for start, end in itertools.pairwise(edges)
    ]
    whole = decide(detections(10, rows), policy, CARD, INFO)
    assert decide(join(parts, 10), policy, CARD, INFO) == whole


@given(rows=rows(), seed=st.randoms())
@settings(max_examples=50)
def test_the_order_within_a_frame_does_not_change_what_is_masked(
    rows: list[Row], seed: Any
) -> None:
    policy = Policy(rules=(rule("dog", "fill"), rule("person", margin=0.2)))
    shuffled = list(rows)
    seed.shuffle(shuffled)
    shuffled.sort(key=lambda row: row[0])
    one, other = (decide(detections(10, found), policy, CARD, INFO) for found in (rows, shuffled))
    assert {i: sorted(map(repr, found)) for i, found in one.regions.items()} == {
        i: sorted(map(repr, found)) for i, found in other.regions.items()
    }


def test_a_plan_is_handed_out_by_runs_of_frames() -> None:
    plan = plan_of([(frame, DOG, 1.0, BOX, SPOT) for frame in (1, 4, 5, 9)], rule("dog"))
    assert sorted(plan.between(0, 4)) == [1]
    assert sorted(plan.between(4, 9)) == [4, 5]
    assert plan.between(6, 9) == {}


@pytest.mark.parametrize("frame", [-1, 10])
def test_a_plan_for_frames_that_do_not_exist_is_refused(frame: int) -> None:
    regions = plan_of([(0, DOG, 1.0, BOX, SPOT)], rule("dog")).regions[0]
    with pytest.raises(ValueError, match=r"\[0, 10\)"):
        MaskPlan(10, {frame: regions})
    with pytest.raises(ValueError, match="regions each"):
        MaskPlan(10, {3: ()})


@given(
    bits=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 1)
    ),
    cells=st.integers(0, 6),
)
def test_widening_reaches_every_cell_within_its_octagon_and_no_other(
    bits: np.ndarray, cells: int
) -> None:
    straight, diagonal = cells, cells // 2  # every other step may go diagonally
    expected = np.zeros_like(bits)
    ys, xs = np.nonzero(bits)
    for y, x in np.ndindex(bits.shape):
        dy, dx = abs(ys - y), abs(xs - x)
        near = (np.maximum(dy, dx) <= straight) & (dy + dx <= straight + diagonal)
        expected[y, x] = near.any()
    assert (widen(bits, cells) == expected).all()

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from values import CARD, detections, frame_by_frame

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.decide import decide
from fearrefactor.core.detections import Detections, join
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.plan import MaskPlan, Region

N_FRAMES, RATE = 30, 10
CANVAS = Canvas(160, 96, np.arange(N_FRAMES) / RATE)  # masks of 40 × 24 cells: 4 pixels a cell
PERSON, DOG, BIRD = 0, 1, 2

Row: TypeAlias = tuple[int, int, float, tuple[float, float, float, float], Any]


def spot(left: int = 10, top: int = 8, width: int = 10, height: int = 6) -> NDArray[np.uint8]:
    bits = np.zeros((24, 40), np.uint8)
    bits[top : top + height, left : left + width] = 1
    return bits


def row(frame: int, kind: int, score: float = 0.9, left: int = 10, top: int = 8) -> Row:
    box = (left * 4.0, top * 4.0, left * 4.0 + 40, top * 4.0 + 24)
    return frame, kind, score, box, spot(left, top)


def plan_of(rows: list[Row], *rules: Rule | dict[str, Any], **policy: Any) -> MaskPlan:
    asked = Policy.model_validate({"rules": list(rules), **policy})
    return decide(detections(N_FRAMES, rows), asked, CARD, CANVAS)


def bare(name: str, **changes: Any) -> dict[str, Any]:
    """A rule that masks what was seen when it was seen, and nothing else."""
    alone = {"margin": 0, "spread_frames": 0, "bridge_s": 0, "extend_s": 0}
    return {"classes": [name], **alone, **changes}


def fine(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return bits.repeat(2, axis=0).repeat(2, axis=1)


def provenances(plan: MaskPlan) -> dict[int, list[str]]:
    return {at: [region.provenance for region in here] for at, here in plan.regions.items()}


def only(plan: MaskPlan, frame: int) -> Region:
    (region,) = plan.regions[frame]
    return region


@st.composite
def any_rows(draw: st.DrawFn) -> list[Row]:
    bits = hnp.arrays(np.uint8, (24, 40), elements=st.integers(0, 1), fill=st.just(0))
    found = []
    for _ in range(draw(st.integers(0, 9))):
        left, top = draw(st.integers(0, 30)), draw(st.integers(0, 18))
        kind, score = draw(st.integers(0, 3)), draw(st.sampled_from([0.1, 0.25, 0.5, 1.0]))
        frame, _, _, box, whole = row(draw(st.integers(0, 9)), kind, score, left, top)
        found.append((frame, kind, score, box, whole & draw(bits)))
    return sorted(found, key=lambda one: one[0])


@given(rows=any_rows(), margin=st.sampled_from([0, 0.1]), spread=st.integers(0, 3))
@settings(max_examples=60)
def test_every_confident_sighting_is_masked_in_its_own_frame(
    rows: list[Row], margin: float, spread: int
) -> None:
    plan = plan_of(rows, {"classes": ["dog"], "margin": margin, "spread_frames": spread})
    for frame, kind, score, _, bits in rows:
        if kind == DOG and score >= 0.25:
            masks = [region.mask.bits() for region in plan.regions[frame]]
            assert (np.maximum.reduce(masks) >= fine(bits)).all()


@given(rows=any_rows(), cuts=st.sets(st.integers(1, N_FRAMES - 1), max_size=4))
@settings(max_examples=40)
def test_the_plan_does_not_depend_on_how_the_video_was_cut(rows: list[Row], cuts: set[int]) -> None:
    policy = Policy.model_validate({"rules": [bare("dog"), {"classes": ["person"]}]})
    edges = [0, *sorted(cuts), N_FRAMES]
    parts: list[Detections] = [
        detections(end - start, [row for row in rows if start <= row[0] < end], start)
        for start, end in itertools.pairwise(edges)
    ]
    whole = decide(detections(N_FRAMES, rows), policy, CARD, CANVAS)
    assert decide(join(parts, N_FRAMES), policy, CARD, CANVAS) == whole


@given(score=st.floats(0, 1, width=32), confidence=st.floats(0.01, 1))
def test_an_instance_is_masked_from_its_rules_confidence_on(
    score: float, confidence: float
) -> None:
    plan = plan_of([row(3, DOG, score)], bare("dog", confidence=confidence))
    assert (3 in plan.regions) == (np.float32(score) >= np.float32(confidence))


def test_a_class_that_no_rule_names_is_left_alone() -> None:
    assert plan_of([row(3, DOG, 1.0)], {"classes": ["person"]}).regions == {}


def test_the_first_rule_that_matches_wins() -> None:
    strict = bare("dog", effect="fill", confidence=0.8)
    lax = bare("dog", confidence=0.3)
    for score, kind in ((0.9, "fill"), (0.5, "blur")):
        assert only(plan_of([row(0, DOG, score)], strict, lax), 0).effect.kind == kind
    assert only(plan_of([row(0, DOG, 0.9)], lax, strict), 0).effect.kind == "blur"


def test_names_of_classes_are_taken_in_any_case() -> None:
    assert plan_of([row(0, DOG)], frame_by_frame(" Dog ")).n_masked_frames == 1


def test_a_class_that_the_model_lacks_is_an_error_and_not_an_empty_plan() -> None:
    with pytest.raises(PolicyError, match="nearest: teddy bear"):
        plan_of([], {"classes": ["teddy bears"]})


def test_a_region_says_what_it_rests_on() -> None:
    region = only(plan_of([row(4, DOG, 0.75)], bare("dog")), 4)
    assert (region.mask.bits() == fine(spot())).all()
    assert region.size_px == pytest.approx(4 * 60**0.5)  # 6 × 10 cells of 4 × 4 pixels
    told = (region.provenance, region.track, region.class_id, region.score)
    assert told == ("detected", 0, DOG, 0.75)


@given(margins=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
@settings(max_examples=30)
def test_a_larger_margin_never_uncovers_anything(margins: list[float]) -> None:
    less, more = (
        only(plan_of([row(0, DOG)], bare("dog", margin=margin)), 0).mask.bits()
        for margin in margins
    )
    assert (less >= fine(spot())).all()
    assert (less <= more).all()


def test_an_effect_fades_in_outside_of_the_object() -> None:
    soft = bare("dog", margin=0.02, effect={"kind": "blur", "feather": 0.02})
    bits = only(plan_of([row(0, DOG)], soft), 0).mask.bits()
    assert (bits >= fine(spot())).all()
    assert bits.sum() > fine(spot()).sum()


def test_a_track_is_bridged_and_extended_and_its_regions_carry_its_number() -> None:
    rows = [row(at, DOG) for at in (*range(10, 15), *range(18, 23))]
    plan = plan_of(rows, {"classes": ["dog"]})
    told = provenances(plan)
    assert told == {
        **{at: ["extended"] for at in (7, 8, 9, 23, 24, 25)},
        **{at: ["detected"] for at in (*range(10, 15), *range(18, 23))},
        **{at: ["bridged"] for at in (15, 16, 17)},
    }
    assert {region.track for here in plan.regions.values() for region in here} == {0}
    assert only(plan, 16).score == only(plan, 8).score == 0
    assert only(plan, 16).class_id == DOG


def test_bridging_stops_at_its_limit() -> None:
    rows = [row(at, DOG) for at in (*range(5), *range(15, 20))]  # ten frames, one second, between
    assert sorted(plan_of(rows, bare("dog", bridge_s=1.0)).regions) == list(range(20))
    beyond = plan_of(rows, bare("dog", bridge_s=0.9))
    assert sorted(beyond.regions) == [*range(5), *range(15, 20)]
    assert only(beyond, 0).track != only(beyond, 15).track


def test_a_weak_sighting_is_masked_where_it_continues_a_track_and_nowhere_else() -> None:
    rows = [row(at, DOG, 0.9 if at % 3 else 0.1) for at in range(10, 20)]
    away = [row(at, DOG, 0.1, left=28, top=17) for at in range(10, 20)]
    both = sorted(rows + away, key=lambda one: one[0])
    plan = plan_of(both, bare("dog"))
    assert provenances(plan) == {
        at: ["detected" if at % 3 else "continued"] for at in range(10, 20)
    }
    corner = fine(spot(28, 17)).astype(bool)
    masked = [region.mask.bits() for here in plan.regions.values() for region in here]
    assert not any(bits[corner].any() for bits in masked)
    assert plan_of(away, {"classes": ["dog"]}).regions == {}


def test_what_the_model_calls_by_another_name_for_a_while_stays_masked() -> None:
    rows = [row(at, BIRD if at in {7, 8} else DOG) for at in range(5, 12)]
    plan = plan_of(rows, bare("dog"))
    assert sorted(plan.regions) == list(range(5, 12))
    assert provenances(plan)[7] == ["continued"]
    assert only(plan, 7).track == only(plan, 6).track


def test_the_surround_is_one_colour_for_a_track_and_each_track_has_its_own() -> None:
    rows = [row(at, DOG) for at in range(4)] + [row(at, DOG, left=28) for at in range(20, 23)]
    seen = detections(N_FRAMES, rows)
    seen.surround[:] = [[10 * at, 0, 200] for at in range(4)] + [[0, 80, 0]] * 3
    policy = Policy.model_validate(
        {"rules": [{"classes": ["dog"], "effect": {"kind": "fill", "color": "surround"}}]}
    )
    plan = decide(seen, policy, CARD, CANVAS)
    colours = {
        (region.track, region.effect.color) for here in plan.regions.values() for region in here
    }
    assert colours == {(0, "#0f00c8"), (1, "#005000")}


def test_what_a_policy_keeps_is_masked_by_no_rule_and_bridged_by_none() -> None:
    def inside(at: int) -> list[Row]:
        return [row(at, PERSON), (at, DOG, 0.9, (0.0, 0.0, 160.0, 96.0), spot(4, 4, 24, 16))]

    rows = [one for at in range(3) for one in inside(at)] + [row(10, PERSON)]
    keep = [{"classes": ["person"], "inside": ["dog"]}]
    plan = plan_of(rows, bare("person", bridge_s=2.0), keep=keep)
    assert sorted(plan.regions) == [10]
    assert sorted(plan_of(rows, bare("person")).regions) == [0, 1, 2, 10]


def test_what_is_smaller_than_the_least_area_is_left_alone() -> None:
    share = 60 / 960
    assert plan_of([row(0, DOG)], bare("dog", min_area=share)).n_masked_frames == 1
    assert plan_of([row(0, DOG)], bare("dog", min_area=share + 0.001)).n_masked_frames == 0


def test_a_place_is_always_masked_beside_what_was_seen() -> None:
    always = [{"box": [0, 0, 0.5, 0.5], "start_s": 1.0, "end_s": 1.2}]
    plan = plan_of([row(11, DOG)], bare("dog"), always=always)
    assert provenances(plan) == {10: ["always"], 11: ["detected", "always"]}


def test_a_background_is_all_but_the_object_and_the_whole_frame_where_there_is_none() -> None:
    rule = bare("dog", effect="background-blur", extend_s=0.3)
    plan = plan_of([row(at, DOG) for at in range(5, 9)], rule)
    assert sorted(plan.regions) == list(range(N_FRAMES))  # not even an extension shows it
    for frame in range(N_FRAMES):
        region = only(plan, frame)
        assert region.provenance == "background"
        if frame in range(5, 9):
            assert (region.mask.bits() == 1 - fine(spot())).all()
        else:
            assert region.mask.bits().all()


def test_in_doubt_the_whole_frame_is_filled_wherever_a_track_was_not_seen_clearly() -> None:
    rows = [row(at, DOG, 0.1 if at == 7 else 0.9) for at in (5, 6, 7, 8, 10, 11)]
    plan = plan_of(rows, bare("dog", bridge_s=1, extend_s=0.2), in_doubt="whole_frame")
    told = provenances(plan)
    assert [at for at, here in told.items() if "doubt" in here] == [3, 4, 7, 9, 12, 13]
    (whole,) = [region for region in plan.regions[9] if region.provenance == "doubt"]
    assert whole.effect.kind == "fill"
    assert whole.mask.bits().all()


def test_a_sticker_covers_the_objects_box() -> None:
    round_one = spot()
    round_one[8, 10:13] = 0
    seen = [(0, DOG, 0.9, (40.0, 32.0, 80.0, 56.0), round_one)]
    picture = {"kind": "sticker", "image": "data:image/png;base64,AAAA"}
    bits = only(plan_of(seen, bare("dog", effect=picture)), 0).mask.bits()
    assert (bits == fine(spot())).all()


def test_a_false_alarm_that_was_hardly_seen_costs_few_frames() -> None:
    rule = {"classes": ["dog"], "extend_s": 1.0}
    assert sorted(plan_of([row(15, DOG, 0.3)], rule).regions) == [13, 14, 15, 16, 17]
    clear = [row(at, DOG) for at in range(13, 18)]
    assert sorted(plan_of(clear, rule).regions) == list(range(3, 28))


def test_an_object_too_small_for_a_mask_is_masked_by_its_box() -> None:
    nothing = np.zeros((24, 40), np.uint8)
    region = only(plan_of([(0, DOG, 0.9, (41.0, 33.0, 45.0, 34.0), nothing)], bare("dog")), 0)
    bits = region.mask.bits()
    assert bits[16:18, 20:23].any()
    assert bits[16, 20:23].all()
    assert region.size_px > 0


def test_a_still_picture_is_masked() -> None:
    still = Canvas(160, 96, np.zeros(1))
    policy = Policy.model_validate({"rules": [{"classes": ["dog"]}]})
    plan = decide(detections(1, [row(0, DOG)]), policy, CARD, still)
    assert provenances(plan) == {0: ["detected"]}

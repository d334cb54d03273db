from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import CARD, detections

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.leaks import find_leaks, frames_to_audit, modes_as_close
from fearrefactor.core.plan import MaskPlan, Provenance, Region
from fearrefactor.core.policy import Effect, Keep, Policy, Rule
from fearrefactor.core.rle import encode

if TYPE_CHECKING:
    from fearrefactor.core.detections import Detections

ROWS, COLUMNS, CELL_PX = 24, 40, 4
PERSON, DOG, BIRD = (CARD.class_id(name) for name in ("person", "dog", "bird"))
Box = tuple[int, int, int, int]
HIDE_DOGS = Policy(rules=(Rule(classes=("dog",), confidence=0.25),))
boxes = st.tuples(
    st.integers(0, COLUMNS - 9), st.integers(0, ROWS - 9), st.integers(2, 8), st.integers(2, 8)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


def canvas(n_frames: int = 1) -> Canvas:
    return Canvas(COLUMNS * CELL_PX, ROWS * CELL_PX, np.arange(n_frames) / 24)


def cells(box: Box, fine: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    bits = np.zeros((ROWS * fine, COLUMNS * fine), np.uint8)
    left, top, right, bottom = (fine * edge for edge in box)
    bits[top:bottom, left:right] = 1
    return bits


def region(box: Box, track: int = 0, provenance: Provenance = "detected", fine: int = 2) -> Region:
    return Region(Effect(), encode(cells(box, fine)[None])[0], 20.0, provenance, track, DOG)


def seen(*found: tuple[int, float, Box], masked: bool = True) -> Detections:
    rows = [
        (
            0,
            class_id,
            score,
            tuple(float(CELL_PX * edge) for edge in box),
            cells(box) if masked else np.zeros((ROWS, COLUMNS), np.uint8),
        )
        for class_id, score, box in found
    ]
    return detections(1, rows)  # type: ignore[arg-type]


def share_inside(box: Box, others: list[Box]) -> float:
    planned = np.zeros((ROWS, COLUMNS), np.uint8)
    for other in others:
        planned |= cells(other)
    return float(planned[cells(box) == 1].mean())


@given(
    planned=st.lists(boxes, max_size=4),
    found=st.lists(st.tuples(st.sampled_from([PERSON, DOG]), st.floats(0, 1), boxes), max_size=4),
)
def test_whatever_a_rule_names_and_is_seen_again_is_a_leak_of_the_right_kind_and_nothing_else_is(
    planned: list[Box], found: list[tuple[int, float, Box]]
) -> None:
    regions = tuple(region(box, track) for track, box in enumerate(planned))
    plan = MaskPlan(1, {0: regions} if regions else {})
    again = seen(*found)
    leaks = {leak.row: leak for leak in find_leaks(plan, again, HIDE_DOGS, CARD, canvas())}
    wanted = {
        row
        for row, (class_id, score, _) in enumerate(found)
        if class_id == DOG and np.float32(score) >= np.float32(0.25)
    }
    assert leaks.keys() == wanted
    for row, leak in leaks.items():
        share = share_inside(found[row][2], planned)
        assert leak.covered == pytest.approx(share)
        assert leak.is_through == (share >= 0.5)
        if leak.is_through:
            common = [share_inside(found[row][2], [box]) for box in planned]
            assert common[leak.track] == max(common)


def test_a_part_that_is_recognised_in_a_large_region_is_a_leak_although_its_iou_is_small() -> None:
    plan = MaskPlan(1, {0: (region((0, 0, 30, 20), track=7),)})
    (leak,) = find_leaks(plan, seen((DOG, 0.4, (10, 8, 14, 12))), HIDE_DOGS, CARD, canvas())
    assert leak.track == 7


def test_a_thing_too_small_for_a_mask_lies_where_its_box_is() -> None:
    plan = MaskPlan(1, {0: (region((10, 8, 14, 12), track=7),)})
    found = seen((DOG, 0.4, (11, 9, 13, 11)), (DOG, 0.4, (30, 2, 32, 4)), masked=False)
    inside, outside = find_leaks(plan, found, HIDE_DOGS, CARD, canvas())
    assert (inside.track, outside.track) == (7, -1)


def test_what_is_found_in_a_place_that_is_always_masked_has_no_track_to_be_filled() -> None:
    plan = MaskPlan(1, {0: (region((0, 0, 40, 24), -1, "always"),)})
    (leak,) = find_leaks(plan, seen((DOG, 0.4, (10, 8, 14, 12))), HIDE_DOGS, CARD, canvas())
    assert (leak.is_through, leak.covered) == (False, 1.0)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (Policy(rules=(Rule(classes=("bird",)),)), "a dog that became a cat"),
        (Policy(rules=(Rule(classes=("dog",), confidence=0.6),)), "below the confidence"),
        (Policy(rules=(Rule(classes=("dog",), min_area=0.05),)), "too small"),
        (
            Policy(rules=(Rule(classes=("dog",), effect=Effect(kind="background-blur")),)),
            "in front of a masked background",
        ),
        (
            Policy(
                rules=(Rule(classes=("dog",)),),
                keep=(Keep(classes=("dog",), inside=("person",)),),
            ),
            "protected",
        ),
    ],
)
def test_what_is_visible_on_purpose_is_no_leak(policy: Policy, why: str) -> None:
    found = seen((DOG, 0.5, (10, 8, 14, 12)), (PERSON, 0.9, (4, 4, 30, 20)))
    assert find_leaks(MaskPlan(1, {}), found, policy, CARD, canvas()) == (), why


def plan_of(n_frames: int, tracks: dict[int, dict[int, Provenance]]) -> MaskPlan:
    """By track, what is known of it in each of its frames."""
    regions: dict[int, list[Region]] = {}
    for track, frames in tracks.items():
        for frame, provenance in frames.items():
            regions.setdefault(frame, []).append(region((4, 4, 8, 8), track, provenance))
    return MaskPlan(n_frames, {frame: tuple(found) for frame, found in sorted(regions.items())})


def test_all_is_every_masked_frame_and_none_is_none() -> None:
    plan = plan_of(50, {0: dict.fromkeys(range(7, 19), "detected")})
    assert frames_to_audit(plan, "all") == tuple(range(7, 19))
    assert frames_to_audit(plan, "none") == ()
    assert frames_to_audit(MaskPlan(50, {}), "sampled") == ()


@given(st.sets(st.integers(0, 299), min_size=1))
def test_a_sample_is_a_tenth_of_the_masked_frames_and_no_part_is_left_out(
    masked: set[int],
) -> None:
    chosen = frames_to_audit(plan_of(300, {0: dict.fromkeys(masked, "detected")}), "sampled")
    assert set(chosen) <= masked
    assert len(chosen) == -(-len(masked) // 10)
    places = [sorted(masked).index(frame) for frame in chosen]
    assert max(np.diff([-1, *places, len(masked)])) <= 20


def test_a_sample_prefers_a_frame_in_which_a_track_was_bridged() -> None:
    seen_or_not: dict[int, Provenance] = {
        i: "bridged" if i == 17 else "detected" for i in range(30)
    }
    assert frames_to_audit(plan_of(30, {0: seen_or_not}), "sampled")[1] == 17


def test_a_sample_has_each_track_that_lasts_as_long_as_the_distance_of_its_frames() -> None:
    tracks: dict[int, dict[int, Provenance]] = {0: dict.fromkeys(range(100), "detected")}
    tracks |= {n: dict.fromkeys(range(15 * n, 15 * n + 10), "detected") for n in range(1, 6)}
    plan = plan_of(100, tracks)
    chosen = frames_to_audit(plan, "sampled")
    assert {r.track for frame in chosen for r in plan.regions[frame]} == set(range(6))


def test_a_result_is_good_enough_for_whoever_asks_for_less() -> None:
    assert modes_as_close("sampled") == ("sampled", "all")
    assert modes_as_close("all") == ("all",)
    assert set(modes_as_close(None)) == set(modes_as_close("none")) == {"none", "sampled", "all"}

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fake_stages import CARD, make_index
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.report.lanes import MOST_LANES, MOST_SPANS, timeline_of
from fearrefactor.storage.plan_columns import PROVENANCES, PlanColumns, read_plan_columns
from fearrefactor.storage.plan_log import write_plan

if TYPE_CHECKING:
    from pathlib import Path

N_FRAMES = 24
STEP_S = 1 / 24
DURATION_S = N_FRAMES * STEP_S
Row = tuple[int, int, int, str, float, int]


def columns(rows: list[Row], n_frames: int = N_FRAMES, **changes: Any) -> PlanColumns:
    """Rows are (frame, track, class, provenance, score, effect); a frame a 24th of a second."""
    rows = sorted(rows, key=lambda row: row[0])
    found = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0)] * 6
    given = {
        "video_id": "clip",
        "work_id": "e2" * 32,
        "n_frames": n_frames,
        "effects": (Effect(), Effect(kind="fill", color="#102030")),
        "classes": ("person", "dog"),
        "frame": found[0].astype(np.int64),
        "time_s": found[0].astype(np.float64) * STEP_S,
        "track": found[1].astype(np.int64),
        "class_number": found[2].astype(np.int64),
        "provenance": np.array([PROVENANCES.index(row[3]) for row in rows], np.int64),
        "score": found[4].astype(np.float64),
        "effect": found[5].astype(np.int64),
    }
    return PlanColumns(**(given | changes))  # type: ignore[arg-type]


rows_of_plans = st.lists(
    st.tuples(
        st.integers(0, N_FRAMES - 1),
        st.integers(-1, 3),
        st.integers(-1, 1),
        st.sampled_from(PROVENANCES),
        st.floats(0, 1),
        st.integers(0, 1),
    ),
    max_size=60,
)


@settings(max_examples=50)
@given(rows=rows_of_plans)
def test_spans_of_a_lane_are_in_order_and_never_overlap(rows: list[Row]) -> None:
    for lane in timeline_of(columns(rows), DURATION_S).lanes:
        assert all(span.start_s < span.end_s for span in lane.spans)
        assert all(one.end_s <= next_.start_s for one, next_ in pairwise(lane.spans))


@settings(max_examples=50)
@given(rows=rows_of_plans)
def test_spans_cover_the_masked_frames_and_no_other_one(rows: list[Row]) -> None:
    lanes = timeline_of(columns(rows), DURATION_S).lanes
    middles = [(frame + 0.5) * STEP_S for frame in range(N_FRAMES)]
    covered = {
        frame
        for frame, middle in enumerate(middles)
        for lane in lanes
        for span in lane.spans
        if span.start_s <= middle < span.end_s
    }
    assert covered == {row[0] for row in rows}


@settings(max_examples=50)
@given(rows=rows_of_plans)
def test_each_frame_of_a_track_shows_the_surest_of_its_reasons(rows: list[Row]) -> None:
    plan = columns(rows)
    for lane in timeline_of(plan, DURATION_S).lanes:
        if lane.track < 0:
            continue
        effect = 0 if lane.effect == "blur" else 1
        for frame in range(N_FRAMES):
            reasons = [
                PROVENANCES.index(reason)
                for at, track, _, reason, _, done in rows
                if (at, track, done) == (frame, lane.track, effect)
            ]
            shown = [
                span.provenance
                for span in lane.spans
                if span.start_s <= (frame + 0.5) * STEP_S < span.end_s
            ]
            assert shown == [PROVENANCES[min(reasons, default=0)]] * bool(reasons)


def test_a_track_is_one_lane_with_its_parts_told_apart() -> None:
    parts = ["extended"] * 2 + ["detected"] * 3 + ["bridged"] * 2 + ["detected"]
    rows = [(4 + i, 0, 1, part, 0.5 + i / 100, 1) for i, part in enumerate(parts)]
    (lane,) = timeline_of(columns(rows), DURATION_S).lanes
    assert (lane.track, lane.class_name, lane.effect) == (0, "dog", "fill #102030")
    assert lane.score == pytest.approx(0.57)
    told = [(span.provenance, span.start_s, span.end_s) for span in lane.spans]
    edges = [4, 6, 9, 11, 12]
    assert told == [
        (name, pytest.approx(begin * STEP_S), pytest.approx(end * STEP_S))
        for name, (begin, end) in zip(
            ["extended", "detected", "bridged", "detected"], pairwise(edges), strict=True
        )
    ]


def test_a_track_is_one_lane_named_by_what_it_was_most_surely_taken_for() -> None:
    rows: list[Row] = [(frame, 0, 0, "continued", 0.2, 0) for frame in range(6)]
    rows += [(frame, 0, 1, "detected", 0.9, 0) for frame in range(6, 8)]
    found = timeline_of(columns(rows), DURATION_S)
    assert [(lane.class_name, len(lane.spans)) for lane in found.lanes] == [("dog", 2)]
    assert found.masked_s == {("dog", 0): pytest.approx(8 * STEP_S)}


def test_a_gap_of_one_frame_parts_two_spans_and_the_last_frame_lasts_to_the_end() -> None:
    rows = [(frame, 0, 0, "detected", 0.9, 0) for frame in (20, 21, 23)]
    (lane,) = timeline_of(columns(rows), 1.25).lanes
    assert [(span.start_s, span.end_s) for span in lane.spans] == [
        (pytest.approx(20 * STEP_S), pytest.approx(22 * STEP_S)),
        (pytest.approx(23 * STEP_S), 1.25),
    ]


def test_places_that_are_always_masked_have_a_lane_for_each_reason() -> None:
    rows = [(frame, -1, -1, why, 0.0, 1) for frame in (1, 2) for why in ("always", "doubt")]
    lanes = timeline_of(columns(rows), DURATION_S).lanes
    assert [(lane.track, lane.class_name) for lane in lanes] == [(-1, "")] * 2
    assert {lane.spans[0].provenance for lane in lanes} == {"always", "doubt"}


def test_unsure_is_what_was_not_seen_with_confidence_the_longest_stretch_first() -> None:
    rows: list[Row] = [(frame, 0, 0, "bridged", 0.0, 0) for frame in (2, 3)]
    rows += [(frame, 1, 0, "continued", 0.2, 0) for frame in range(10, 15)]
    rows += [(frame, 2, 0, "detected", 0.9, 0) for frame in range(20)]
    rows += [(5, 2, 0, "extended", 0.0, 1)]  # seen there all the same
    assert timeline_of(columns(rows), DURATION_S).unsure == (
        (pytest.approx(10 * STEP_S), pytest.approx(15 * STEP_S)),
        (pytest.approx(2 * STEP_S), pytest.approx(4 * STEP_S)),
    )


def test_a_plan_without_anything_to_mask_has_no_lanes() -> None:
    found = timeline_of(columns([]), DURATION_S)
    assert (found.lanes, found.n_lanes, found.unsure, found.masked_s) == ((), 0, (), {})


def test_of_a_hundred_tracks_the_longest_are_drawn_and_all_are_counted() -> None:
    rows = [(frame, track, 0, "detected", 0.9, 0) for track in range(100) for frame in range(track)]
    found = timeline_of(columns(rows, n_frames=100), 100 * STEP_S)
    assert found.n_lanes == 99  # track 0 is in no frame
    assert {lane.track for lane in found.lanes} == set(range(100 - MOST_LANES, 100))
    assert len(found.masked_s) == 99
    assert found.masked_s["person", 7] == pytest.approx(7 * STEP_S)


def test_a_flickering_film_is_drawn_in_steps_that_cover_every_masked_frame() -> None:
    n_frames = 3 * MOST_SPANS
    rows = [(frame, 0, 0, "detected", 0.9, 0) for frame in range(0, n_frames, 2)]
    found = timeline_of(columns(rows, n_frames=n_frames), n_frames * STEP_S)
    (lane,) = found.lanes
    assert 0 < len(lane.spans) <= MOST_SPANS
    assert found.step_s > 2 * STEP_S
    edges = np.array([(span.start_s, span.end_s) for span in lane.spans])
    assert (edges[1:, 0] >= edges[:-1, 1]).all()
    middles = (np.arange(0, n_frames, 2) + 0.5) * STEP_S
    at = np.searchsorted(edges[:, 0], middles, side="right") - 1
    assert (middles < edges[at, 1]).all()
    assert found.masked_s["person", 0] == pytest.approx(len(rows) * STEP_S)


def test_times_count_from_the_first_frame_of_the_film(tmp_path: Path) -> None:
    index = make_index(N_FRAMES)
    later = replace(index, pts=index.pts + 5 * index.pts[1])
    mask = encode(np.ones((1, 4, 4), np.uint8))[0]
    region = Region(Effect(), mask, 20.0, track=3, class_id=1, score=0.75)
    background = Region(Effect(kind="background-blur"), mask, 20.0, provenance="background")
    plan = MaskPlan(N_FRAMES, {2: (region, background), 3: (region,)})
    path = tmp_path / "plan.parquet"
    write_plan(path, plan, video_id="clip", index=later, card=CARD, work_id="e2" * 32)
    found = read_plan_columns(path)
    assert (found.video_id, found.work_id, found.n_frames) == ("clip", "e2" * 32, N_FRAMES)
    start_s = 2 * (later.time_s(1) - later.time_s(0))
    assert timeline_of(found, DURATION_S).time_s[2] == pytest.approx(start_s)
    assert [found.classes[number] if number >= 0 else None for number in found.class_number] == [
        CARD.classes[1],
        None,
        CARD.classes[1],
    ]
    assert [PROVENANCES[number] for number in found.provenance] == [
        "detected",
        "background",
        "detected",
    ]
    assert [found.effects[number].kind for number in found.effect] == [
        "blur",
        "background-blur",
        "blur",
    ]


def test_an_empty_plan_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "plan.parquet"
    index = make_index(N_FRAMES)
    write_plan(
        path, MaskPlan(N_FRAMES, {}), video_id="clip", index=index, card=CARD, work_id="e2" * 32
    )
    assert timeline_of(read_plan_columns(path), DURATION_S).n_lanes == 0

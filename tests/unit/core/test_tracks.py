from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from fearrefactor.core.sightings import Sightings, Track
from fearrefactor.core.tracks import _most_alike, link

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_FRAMES = 30
SIZE = 20.0
STRONG, WEAK, RENAMED = "strong", "weak", "renamed"

#: Frame, left and top of a square box, and how it was seen.
Row: TypeAlias = tuple[int, float, float, str]


def sightings(rows: list[Row], cut: int = N_FRAMES) -> Sightings:
    kinds = np.array([row[3] for row in rows], str)
    corner = np.array([row[1:3] for row in rows], np.float64).reshape(-1, 2)
    return Sightings(
        frame=np.array([row[0] for row in rows], np.int64),
        box=np.concatenate([corner, corner + SIZE], axis=1),
        score=np.where(kinds == STRONG, 0.9, 0.1).astype(np.float32),
        strong=kinds == STRONG,
        weak=kinds == WEAK,
        renamed=kinds == RENAMED,
        scene=(np.arange(N_FRAMES) >= cut).astype(np.int64),
    )


def linked(rows: list[Row], max_gap: int = 24, cut: int = N_FRAMES) -> list[list[Row]]:
    """The rows of each track, parts left out."""
    return [[rows[at] for at in track.rows] for track in link(sightings(rows, cut), max_gap)]


def walk(first: int, end: int, left: float = 0, step: float = 4, top: float = 0) -> list[Row]:
    return [(i, left + step * i, top, STRONG) for i in range(first, end)]


@st.composite
def any_rows(draw: st.DrawFn) -> list[Row]:
    place = st.sampled_from([0.0, 3.0, 9.0, 18.0, 40.0, 60.0])
    row = st.tuples(
        st.integers(0, N_FRAMES - 1), place, place, st.sampled_from([STRONG, STRONG, WEAK, RENAMED])
    )
    return sorted(draw(st.lists(row, max_size=30)), key=lambda row: row[0])


@given(rows=any_rows(), max_gap=st.integers(0, 9), cut=st.integers(1, N_FRAMES))
@settings(max_examples=200)
def test_every_strong_sighting_is_in_one_track_and_no_track_breaks_the_laws(
    rows: list[Row], max_gap: int, cut: int
) -> None:
    seen = sightings(rows, cut)
    tracks = link(seen, max_gap)
    used = [row for track in tracks for row in (*track.rows, *track.parts)]
    assert len(used) == len(set(used))
    assert set(np.flatnonzero(seen.strong).tolist()) <= set(used)
    for track in tracks:
        frames = seen.frame[track.rows]
        assert seen.strong[track.rows].any()
        assert (np.diff(frames) > 0).all()
        assert (np.diff(frames) <= max_gap + 1).all()
        assert np.unique(seen.scene[frames]).size == 1
        assert set(seen.frame[track.parts].tolist()) <= set(frames.tolist())


def test_nothing_seen_is_no_track() -> None:
    assert linked([]) == []
    assert linked([(3, 0, 0, WEAK), (4, 0, 0, WEAK), (4, 0, 0, RENAMED)]) == []


def test_two_that_pass_each_other_keep_apart() -> None:
    right = [(i, 6.0 * i, 0.0, STRONG) for i in range(20)]
    left = [(i, 114 - 6.0 * i, 12.0, STRONG) for i in range(20)]
    rows = sorted(right + left, key=lambda row: row[0])
    assert sorted(linked(rows), key=lambda rows: rows[0][1]) == [right, left]


def test_a_gap_is_linked_up_to_its_limit_and_not_beyond() -> None:
    rows = walk(0, 6) + walk(12, 18)  # six frames between
    assert linked(rows, max_gap=6) == [rows]
    assert linked(rows, max_gap=5) == [walk(0, 6), walk(12, 18)]


def test_no_track_crosses_a_cut() -> None:
    rows = walk(0, 12)
    assert linked(rows, cut=7) == [walk(0, 7), walk(7, 12)]


def test_weak_sightings_continue_a_track_before_inside_and_after_it() -> None:
    path = walk(0, 12)
    weak = {0, 1, 5, 6, 10, 11}
    rows = [(*row[:3], WEAK if row[0] in weak else STRONG) for row in path]
    assert linked(rows) == [rows]


def test_weak_sightings_elsewhere_or_after_a_cut_are_left_alone() -> None:
    elsewhere: list[Row] = [(5, 20.0, 40.0, WEAK), (10, 40.0, 40.0, WEAK)]
    beyond: list[Row] = [(12, 48.0, 0.0, WEAK)]
    rows = sorted(walk(0, 12) + elsewhere + beyond, key=lambda row: row[0])
    assert linked(rows, cut=12) == [walk(0, 12)]


def test_what_is_called_by_another_name_is_the_same_thing_only_in_the_same_place() -> None:
    same: list[Row] = [(6, 24.0, 0.0, RENAMED)]
    beside: list[Row] = [(6, 33.0, 0.0, RENAMED)]  # IoU 0.38: weak would do, another name not
    weak: list[Row] = [(6, 33.0, 0.0, WEAK)]
    before, after = walk(0, 6), walk(7, 12)
    assert linked(before + same + after) == [before + same + after]
    assert linked(before + beside + after) == [before + after]
    assert linked(before + weak + after) == [before + weak + after]


def test_a_second_box_around_a_thing_is_a_part_of_it() -> None:
    rows = sorted([*walk(0, 12), (6, 26.0, 1.0, STRONG)], key=lambda row: row[0])
    (track,) = link(sightings(rows), 24)
    assert isinstance(track, Track)
    assert len(track.rows) == 12
    assert [rows[at][0] for at in track.parts] == [6]


def test_tracks_come_in_the_order_of_their_first_sighting() -> None:
    rows = sorted(walk(3, 9) + walk(0, 5, top=200) + walk(6, 9, top=400), key=lambda row: row[0])
    assert [track[0][0] for track in linked(rows)] == [0, 3, 6]


@given(
    likeness=arrays(
        float,
        st.one_of(
            st.tuples(st.just(1), st.integers(1, 6)), st.tuples(st.integers(1, 6), st.just(1))
        ),
        elements=st.floats(0, 1),
    )
)
def test_one_thing_among_others_is_paired_as_the_assignment_pairs_it(
    likeness: NDArray[np.float64],
) -> None:
    at, which = _most_alike(likeness)
    rows, columns = linear_sum_assignment(-likeness)
    assert likeness[at, which].sum() == likeness[rows, columns].sum()
    assert len(at) == len(rows)

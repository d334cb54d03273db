from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import gops_of

from fearrefactor.core.gops import Gops, runs


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=20),
    masked=st.sets(st.integers(0, 60)),
)
def test_a_gop_is_dirty_exactly_if_one_of_its_frames_is_masked(
    lengths: list[int], masked: set[int]
) -> None:
    edges = np.cumsum([0, *lengths]).tolist()
    expected = [
        any(first <= frame < end for frame in masked) for first, end in itertools.pairwise(edges)
    ]
    assert gops_of(lengths).dirty(masked).tolist() == expected


def test_pictures_that_are_never_shown_make_a_gop_dirty() -> None:
    # three GOPs of four packets; the second shows two of its four, the last one none
    frames, packets = np.array([0, 4, 6, 6]), np.array([0, 4, 8, 12])
    gops = Gops(frames, packets, packets, packets * 10)
    assert gops.dirty([]).tolist() == [False, True, True]
    assert gops.dirty([5]).tolist() == [False, True, True]


@given(lengths=st.lists(st.integers(1, 20), min_size=2, max_size=20), data=st.data())
def test_some_of_the_gops_still_count_from_the_start_of_the_video(
    lengths: list[int], data: st.DataObject
) -> None:
    gops = gops_of(lengths, 3)
    first = data.draw(st.integers(0, len(lengths) - 1))
    end = data.draw(st.integers(first + 1, len(lengths)))
    some = gops.between(first, end)
    assert some.n_frames.tolist() == lengths[first:end]
    assert int(some.first_frame[0]) == sum(lengths[:first])
    assert int(some.start_pts[-1]) == 3 * sum(lengths[:end])


def test_gops_survive_their_bytes() -> None:
    gops = gops_of([4, 3, 9], 5)
    again = Gops.from_bytes(gops.as_bytes())
    assert again.first_frame.tolist() == gops.first_frame.tolist()
    assert again.n_bytes.tolist() == [400, 300, 900]
    assert again.start_pts.tolist() == [0, 20, 35, 80]


@pytest.mark.parametrize("packets", [[0, 4, 4], [0, 8, 4], [0, 4]])
def test_columns_that_are_no_gops_are_refused(packets: list[int]) -> None:
    edges = np.array([0, 4, 8])
    with pytest.raises(ValueError, match="expected"):
        Gops(edges, np.array(packets), edges, edges)


@given(flags=st.lists(st.booleans(), max_size=40))
def test_runs_cover_exactly_what_is_flagged(flags: list[bool]) -> None:
    found = runs(np.array(flags, bool))
    covered = [index for first, end in found for index in range(first, end)]
    assert covered == [index for index, flag in enumerate(flags) if flag]
    assert all(one[1] < other[0] for one, other in itertools.pairwise(found))

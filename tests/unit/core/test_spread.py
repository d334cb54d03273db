from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from values import gops_of

from fearrefactor.core.gops import Gops
from fearrefactor.core.spread import spread_frames

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths=lengths, most=st.integers(1, 20))
def test_a_frame_stands_for_each_of_equal_parts_and_no_other_part_lies_between(
    lengths: list[int], most: int
) -> None:
    n_frames = sum(lengths)
    chosen = spread_frames(gops_of(lengths), most)
    n = len(chosen)
    assert n == min(most, n_frames)
    middles = [(2 * part + 1) * n_frames // (2 * n) for part in range(n)]
    for before, frame, middle in zip([-1, *middles], chosen, middles, strict=False):
        assert before < frame <= middle


@given(lengths=lengths, most=st.integers(1, 20))
def test_another_frame_of_a_gop_is_chosen_only_beside_its_first(
    lengths: list[int], most: int
) -> None:
    gops = gops_of(lengths)
    starts = set(gops.first_frame[:-1].tolist())
    chosen = spread_frames(gops, most)
    for frame in set(chosen) - starts:
        own = max(start for start in starts if start <= frame)
        assert own in chosen


def test_of_many_gops_only_first_frames_are_chosen() -> None:
    assert spread_frames(gops_of([30] * 60), 6) == (150, 450, 750, 1050, 1350, 1650)


def test_in_a_video_of_one_gop_frames_are_spread_inside_it() -> None:
    assert spread_frames(gops_of([100]), 4) == (0, 37, 62, 87)


def test_a_short_video_is_shown_whole_and_a_picture_is_itself() -> None:
    assert spread_frames(gops_of([3]), 12) == (0, 1, 2)
    assert spread_frames(gops_of([1]), 12) == (0,)


def test_a_gop_that_shows_nothing_is_passed_over() -> None:
    frames, packets = np.array([0, 0, 10, 10]), np.array([0, 1, 11, 12])
    assert spread_frames(Gops(frames, packets, packets, packets), 2) == (0, 7)

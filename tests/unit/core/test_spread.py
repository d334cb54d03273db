from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from values import gops_of

from fearrefactor.core.gops import Gops
from fearrefactor.core.spread import spread_frames

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths=lengths, most=st.integers(1, 20))
def test_one_frame_is_chosen_in_each_of_equal_parts(lengths: list[int], most: int) -> None:
    n_frames = sum(lengths)
    chosen = spread_frames(gops_of(lengths), most)
    n = min(most, n_frames)
    assert [frame * n // n_frames for frame in chosen] == list(range(n))


@given(lengths=lengths, most=st.integers(1, 20))
def test_where_a_gop_begins_in_a_part_its_first_frame_is_chosen(
    lengths: list[int], most: int
) -> None:
    gops, n_frames = gops_of(lengths), sum(lengths)
    starts = gops.first_frame[:-1].tolist()
    chosen = spread_frames(gops, most)
    first_start = {start * len(chosen) // n_frames: start for start in reversed(starts)}
    for part, frame in enumerate(chosen):
        assert frame == first_start.get(part, -(-part * n_frames // len(chosen)))


def test_of_many_gops_only_first_frames_are_chosen() -> None:
    assert spread_frames(gops_of([30] * 60), 6) == (0, 300, 600, 900, 1200, 1500)
    assert spread_frames(gops_of([31] * 60), 6) == (0, 310, 620, 930, 1240, 1550)
    assert spread_frames(gops_of([40] * 10), 3) == (0, 160, 280)


def test_in_a_video_of_one_gop_frames_are_spread_inside_it() -> None:
    assert spread_frames(gops_of([100]), 4) == (0, 25, 50, 75)


def test_a_short_video_is_shown_whole_and_a_picture_is_itself() -> None:
    assert spread_frames(gops_of([3]), 12) == (0, 1, 2)
    assert spread_frames(gops_of([1]), 12) == (0,)


def test_a_gop_that_shows_nothing_is_passed_over() -> None:
    frames, packets = np.array([0, 0, 10, 10]), np.array([0, 1, 11, 12])
    assert spread_frames(Gops(frames, packets, packets, packets), 2) == (0, 5)

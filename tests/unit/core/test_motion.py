from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.motion import acceleration, areas, between, grown, ious, moved, velocity

BOX = np.array([10.0, 20.0, 30.0, 60.0])

sides = st.floats(-100, 100)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    left, top = draw(sides), draw(sides)
    return np.array([left, top, left + draw(st.floats(1, 50)), top + draw(st.floats(1, 50))])


def steady(n: int, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frames = np.arange(n)
    return frames, BOX + frames[:, None] * speed


@given(n=st.integers(2, 9), speed=st.lists(sides, min_size=4, max_size=4).map(np.array))
def test_a_steady_speed_is_found_at_either_end_and_the_less_believed_the_fewer_sightings(
    n: int, speed: np.ndarray
) -> None:
    frames, path = steady(n, speed)
    for at_end in (True, False):
        found = velocity(frames, path, at_end=at_end)
        assert found == pytest.approx(speed * (1 - 1 / min(n, 5)), abs=1e-6)


def test_what_was_seen_once_stands_still() -> None:
    assert not velocity(np.array([7]), BOX[None], at_end=True).any()
    assert not acceleration(np.array([7, 8]), np.stack([BOX, BOX + 9]), at_end=True).any()


def test_speed_is_that_of_the_near_end_and_frames_that_were_missed_count() -> None:
    frames = np.array([0, 1, 2, 3, 4, 20, 22, 24, 26, 28])
    path = BOX + np.concatenate([np.zeros(5), np.arange(1, 6)])[:, None] * 6.0
    assert velocity(frames, path, at_end=False) == pytest.approx(np.zeros(4))
    assert velocity(frames, path, at_end=True) == pytest.approx(np.full(4, 3 * 0.8))


def test_a_thing_that_falls_gains_speed_and_one_that_rolls_does_not() -> None:
    frames = np.arange(10)
    falling = BOX + np.outer(0.5 * 2.0 * frames**2, [0, 1, 0, 1])
    found = acceleration(frames, falling, at_end=True)
    assert found == pytest.approx([0, 2 * 0.8, 0, 2 * 0.8])  # as far as velocities are believed
    assert acceleration(*steady(10, np.full(4, 3.0)), at_end=True) == pytest.approx(np.zeros(4))


@given(box=boxes(), speed=st.lists(sides, min_size=4, max_size=4).map(np.array), far=sides)
def test_a_moved_box_is_never_turned_inside_out_nor_blown_up(
    box: np.ndarray, speed: np.ndarray, far: float
) -> None:
    before = box.copy()
    after = moved(box, speed, far)
    assert (box == before).all()
    lengths, longer = box[2:] - box[:2], after[2:] - after[:2]
    assert (longer >= lengths / 3 - 1e-6).all()
    assert (longer <= lengths * 3 + 1e-6).all()
    assert moved(box, speed, 0) == pytest.approx(box)


@given(far=st.floats(0, 200))
def test_speed_fades_with_time_the_same_ahead_as_back(far: float) -> None:
    speed = np.full(4, 2.0)
    ahead, back = moved(BOX, speed, far), moved(BOX, speed, -far)
    assert ahead - BOX == pytest.approx(BOX - back)
    assert (ahead - BOX <= speed * far + 1e-9).all()
    assert (ahead - BOX < 2 * 12 / np.log(2) + 1e-9).all()  # the way to where it stops


@given(one=boxes(), other=boxes())
def test_the_way_between_two_boxes_begins_at_one_and_ends_at_the_other(
    one: np.ndarray, other: np.ndarray
) -> None:
    assert between(one, other, 0) == pytest.approx(one)
    assert between(one, other, 1) == pytest.approx(other)
    assert between(one, other, 0.5) == pytest.approx((one + other) / 2)


@given(one=boxes(), other=boxes())
def test_overlap_is_the_same_from_either_side_and_whole_only_with_itself(
    one: np.ndarray, other: np.ndarray
) -> None:
    both = np.stack([one, other])
    found = ious(both, both)
    assert found == pytest.approx(found.T)
    assert found.diagonal() == pytest.approx([1, 1])
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


def test_overlap_of_known_boxes() -> None:
    squares = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 0, 4, 2], [5, 5, 5, 9]], float)
    assert ious(squares[:1], squares)[0] == pytest.approx([1, 1 / 7, 0, 0])
    assert areas(squares).tolist() == [4, 4, 4, 0]


def test_a_grown_box_keeps_its_middle() -> None:
    assert grown(BOX, 0.25).tolist() == [5, 10, 35, 70]
    assert grown(BOX[None], 0.0)[0].tolist() == BOX.tolist()

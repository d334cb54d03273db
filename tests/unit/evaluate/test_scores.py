from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fearrefactor.evaluate.scores import (
    CONFIDENCES,
    Coverage,
    curve,
    hits_by_confidence,
    longest_run,
    score,
    total,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (5, 7)
flags = arrays(bool, SHAPE)
frames = st.lists(st.tuples(flags, flags), min_size=1, max_size=6)


def counted(pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> Coverage:
    """Coverage of frames given as where the object is, and what is masked."""
    columns = [
        [here.sum(), masked.sum(), (here & masked).sum(), here.size] for here, masked in pairs
    ]
    return Coverage(*np.array(columns, np.int64).T)


@given(frames)
def test_scores_are_those_of_a_slow_count_pixel_by_pixel(pairs: Any) -> None:
    js, recalls, areas, overs = [], [], [], []
    for here, masked in pairs:
        truth = {tuple(at) for at in np.argwhere(here).tolist()}
        mask = {tuple(at) for at in np.argwhere(masked).tolist()}
        js.append(len(truth & mask) / len(truth | mask) if truth | mask else 1.0)
        overs.append(len(mask - truth) / 35)
        if truth:
            recalls.append(len(truth & mask) / len(truth))
            areas.append(len(mask) / len(truth))
    found = score(counted(pairs))
    assert (found.n_frames, found.n_object_frames) == (len(pairs), len(recalls))
    assert found.mean_j == pytest.approx(sum(js) / len(js))
    assert found.over_masked_share == pytest.approx(sum(overs) / len(overs))
    assert found.exposed_frames == sum(recall < 0.9 for recall in recalls)
    if recalls:
        assert found.mean_recall == pytest.approx(sum(recalls) / len(recalls))
        assert found.worst_recall == pytest.approx(min(recalls))
        assert found.area_ratio == pytest.approx(sum(areas) / len(areas))
    else:
        assert (found.mean_recall, found.worst_recall, found.area_ratio) == (None, None, None)


@given(st.lists(st.booleans(), max_size=30))
def test_the_longest_run_is_that_of_the_longest_string_of_ones(values: list[bool]) -> None:
    ones = "".join("01"[value] for value in values)
    assert longest_run(np.array(values, bool)) == max(map(len, ones.split("0")))


@given(
    arrays(np.float32, SHAPE, elements=st.sampled_from([0, 0.049, 0.05, 0.25, 0.3, 0.51, 0.95, 1])),
    flags,
)
def test_hits_at_each_confidence_are_the_pixels_that_reach_it(
    best: NDArray[np.float32], here: NDArray[np.bool_]
) -> None:
    slow = [int((here & (best >= np.float32(confidence))).sum()) for confidence in CONFIDENCES]
    assert hits_by_confidence(best, here).tolist() == slow


def test_the_curve_counts_frames_with_an_object_only() -> None:
    hits = np.zeros((3, len(CONFIDENCES)), np.int64)
    hits[0, :10] = 100
    hits[1, :5] = 80
    drawn = curve(hits, np.array([100, 100, 0]))
    assert drawn is not None
    assert drawn.mean[[0, 4, 5, 9, 10]].tolist() == [0.9, 0.9, 0.5, 0.5, 0]
    assert drawn.worst[[0, 4, 5]].tolist() == [0.8, 0.8, 0]
    assert drawn.exposed[[0, 9, 10]].tolist() == [1, 1, 2]
    assert curve(hits, np.zeros(3, np.int64)) is None


def test_the_highest_confidence_is_the_last_one_at_which_the_wanted_recall_is_reached() -> None:
    hits = np.zeros((1, len(CONFIDENCES)), np.int64)
    hits[0, :6] = 96  # up to .30
    drawn = curve(hits, np.array([100]))
    assert drawn is not None
    assert drawn.highest_confidence(0.95, drawn.mean) == 0.3
    assert drawn.highest_confidence(0.97, drawn.mean) is None


def test_a_frame_without_object_breaks_no_recall_but_ends_a_run() -> None:
    object_px = np.array([10, 10, 0, 10, 10, 10])
    hit_px = np.array([0, 0, 0, 8, 9, 10])
    found = score(Coverage(object_px, hit_px, hit_px, np.full(6, 20)))
    assert (found.exposed_frames, found.longest_exposed_run) == (3, 2)


def test_in_a_total_means_count_each_video_once_and_the_worst_is_the_worst_of_all() -> None:
    long = score(Coverage(np.full(9, 10), np.full(9, 10), np.full(9, 10), np.full(9, 20)))
    short = score(Coverage(np.array([10]), np.array([5]), np.array([5]), np.array([20])))
    empty = score(Coverage(*np.array([[0], [2], [0], [20]])))
    found = total([long, short, empty])
    assert (found.mean_recall, found.worst_recall) == (0.75, 0.5)
    assert (found.n_frames, found.n_object_frames, found.exposed_frames) == (11, 10, 1)
    assert found.longest_exposed_run == 1
    assert found.mean_j == pytest.approx((1 + 0.5 + 0) / 3)


def test_images_do_not_follow_each_other_and_have_no_runs() -> None:
    blind = Coverage(*np.array([[10, 10], [0, 0], [0, 0], [20, 20]]))
    assert score(blind, follow=False).longest_exposed_run is None


@pytest.mark.parametrize("px", [(10, 5, 6, 20), (10, 5, -1, 20), (15, 10, 2, 20)])
def test_counts_that_cannot_be_are_refused(px: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="hit <= object"):
        Coverage(*np.array([[count] for count in px]))

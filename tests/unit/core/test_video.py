from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import gops_of, video_index, video_info

from fearrefactor.core.timeline import Span
from fearrefactor.core.video import StreamInfo, VideoInfo, cut


@pytest.mark.parametrize(("rotation", "size"), [(0, (160, 96)), (90, (96, 160)), (270, (96, 160))])
def test_upright_sizes_follow_the_rotation(rotation: int, size: tuple[int, int]) -> None:
    info = video_info(rotation_deg=rotation)
    assert (info.upright_width_px, info.upright_height_px) == size


@given(
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    aspect=st.fractions(Fraction(1, 4), 4, max_denominator=99),
    rotation=st.sampled_from([0, 90, 180, 270]),
)
def test_a_quarter_turn_inverts_the_aspect_and_a_half_turn_keeps_it(
    width: int, height: int, aspect: Fraction, rotation: int
) -> None:
    info = video_info(
        width_px=width, height_px=height, sample_aspect_ratio=aspect, rotation_deg=rotation
    )
    shown = float(aspect * width / height)
    assert info.display_aspect == pytest.approx(shown if rotation % 180 == 0 else 1 / shown)


def test_an_ordinary_film_has_nothing_unusual() -> None:
    assert video_info().unusual == ()


def test_everything_unusual_is_said() -> None:
    left_out = StreamInfo(index=2, kind="data", codec="x", kept=False, why="it tells")
    info = video_info(
        rotation_deg=90,
        sample_aspect_ratio="4/3",
        interlaced=True,
        alpha=True,
        n_hidden_frames=3,
        width_px=161,
        pix_fmt="yuv444p",
        streams=(left_out,),
    )
    assert info.unusual == (
        "turned by 90°",
        "pixels are 4/3 wide",
        "interlaced",
        "has transparency",
        "3 packets are never shown",
        "odd size",
        "pixel format yuv444p",
        "data stream 2 left out: it tells",
    )


def test_what_a_video_is_survives_json_exactly() -> None:
    info = video_info(time_base="1001/30000", display_matrix=(0, 65536, 0, -65536, 0, 0, 0, 0, 1))
    assert VideoInfo.model_validate_json(info.model_dump_json()) == info


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_the_tasks_of_a_video_hold_each_of_its_times_once(lengths: list[int]) -> None:
    index = video_index(lengths, 10)
    tasks = index.tasks()
    assert np.concatenate([task.pts for task in tasks]).tolist() == index.pts.tolist()
    for task in tasks:
        assert all(pts in task.segment.span for pts in task.pts.tolist())
        assert task.segment.end_frame - task.segment.first_frame == len(task.pts)


def test_segments_that_miss_a_frame_are_no_index() -> None:
    with pytest.raises(ValueError, match="cover 5 frames, they cover 4"):
        replace(video_index([4]), pts=np.arange(5, dtype=np.int64))


@pytest.mark.parametrize(
    ("pts", "complaint"),
    [
        (np.array([0, 1, 1, 2], np.int64), "ascending"),
        (np.array([0, 2, 1, 3], np.int64), "ascending"),
        (np.array([0, 1, 2, 3], np.int32), "int64"),
        (np.zeros((2, 2), np.int64), r"\(n_frames,\)"),
    ],
)
def test_times_that_are_no_times_are_refused(pts: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(video_index([4]), pts=pts)


def test_a_task_needs_a_time_for_each_frame() -> None:
    with pytest.raises(ValueError, match="expected 4 times"):
        replace(video_index([4]).tasks()[0], pts=np.arange(3, dtype=np.int64))


def test_the_time_of_a_frame_is_in_seconds_of_the_sources_clock() -> None:
    index = video_index([4, 4], 10)
    assert index.time_s(5) == 50 / 12288
    assert index.segments[1].span == Span(40, 80)


def test_a_part_of_a_segment_is_a_segment_of_its_own() -> None:
    index = video_index([4, 3, 5], 10)
    (task,) = replace(index, segments=cut(index.gops, 100)).tasks()
    part = task.part(1, 3)
    assert part.pts.tolist() == index.pts[4:].tolist()
    assert part.segment.span == Span(40, 120)
    assert (part.segment.first_frame, part.segment.n_frames, part.segment.gops) == (
        4,
        8,
        slice(1, 3),
    )


def test_only_gops_with_something_to_mask_are_rendered() -> None:
    index = video_index([4, 4, 4])
    assert index.to_render([]).tolist() == [False, False, False]
    assert index.to_render([5, 11]).tolist() == [False, True, True]
    assert index.to_render([5], whole=True).tolist() == [True, True, True]


def test_a_video_that_cannot_be_spliced_is_rendered_whole_or_copied() -> None:
    index = video_index([4, 4], whole_because="interlaced")
    assert index.to_render([5]).tolist() == [True, True]
    assert index.to_render([]).tolist() == [False, False]


def test_an_image_is_never_copied() -> None:
    assert video_index([1], is_image=True).to_render([]).tolist() == [True]


def test_what_holds_a_second_view_that_nobody_inspects_is_never_copied() -> None:
    assert video_index([4, 4], layered=True).to_render([]).tolist() == [True, True]


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30), min_frames=st.integers(1, 60))
def test_segments_are_whole_gops_and_long_enough(lengths: list[int], min_frames: int) -> None:
    segments = cut(gops_of(lengths), min_frames)
    edges = np.cumsum([0, *lengths]).tolist()
    assert all(segment.first_frame in edges for segment in segments)
    assert all(segment.n_frames >= min_frames for segment in segments[:-1])
    assert sum(segment.n_gops for segment in segments) == len(lengths)
    assert sum(segment.n_frames for segment in segments) == edges[-1]

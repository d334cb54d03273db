from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.reuse import SQUARE, LastLook, apart
from fearrefactor.storage.s3 import S3Settings

HEIGHT, WIDTH = 32, 64


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@given(st.integers(0, 99), st.integers(0, 99), st.sampled_from([3, 40, 255]))
@settings(max_examples=30, deadline=None)
def test_how_far_pictures_lie_apart_is_the_worst_mean_of_all_squares(
    one: int, other: int, most: int
) -> None:
    difference = np.minimum(np.abs(noise(one).astype(int) - noise(other)), most).astype(np.uint8)
    slow = max(
        difference[y : y + SQUARE, x : x + SQUARE].mean()
        for y in range(0, HEIGHT, SQUARE)
        for x in range(0, WIDTH, SQUARE)
    )
    assert apart(difference) == pytest.approx(slow, abs=1e-4)


@given(
    y=st.integers(0, HEIGHT - 1),
    x=st.integers(0, WIDTH - 1),
    colour=st.integers(0, 2),
    at=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_a_picture_that_differs_in_one_level_anywhere_is_looked_at(
    y: int, x: int, colour: int, at: int
) -> None:
    pictures = np.repeat(noise(1)[None], 4, axis=0)
    pictures[at, y, x, colour] ^= 1
    wanted = LastLook(0, 0).to_look_at(pictures, np.arange(4))
    expected = [number in {0, at, at + 1} for number in range(4)]
    assert wanted.tolist() == expected


def test_a_nearly_equal_picture_is_looked_at_when_the_last_look_was_too_long_ago() -> None:
    pictures = np.repeat(noise(1)[None] // 2, 8, axis=0)
    pictures += np.arange(8, dtype=np.uint8)[:, None, None, None] % 2
    look = LastLook(1, 25)
    wanted = look.to_look_at(pictures, np.arange(8) * 10)
    # at 20 and 50 it is equal, which is never too long ago
    assert wanted.tolist() == [True, False, False, True, False, False, True, False]


def test_detections_of_nearly_equal_frames_are_named_after_the_levels_and_the_cut() -> None:
    def deciding(within: float, cut: int) -> str:
        settings = CutSettings(min_segment_frames=cut)
        job = JobSettings("", "", S3Settings(), cut=settings, reuse_within=within)
        return job.deciding("a model's")

    assert deciding(0, 240) == deciding(0, 24) == "a model's"
    assert len({deciding(0, 240), deciding(2, 240), deciding(3, 240), deciding(2, 24)}) == 4

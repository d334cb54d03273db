from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core import scenes
from fearrefactor.core.canvas import Canvas
from fearrefactor.core.scenes import SKETCH, scenes_of, sketch, surrounds

HEIGHT, WIDTH = 144, 256
BLOCK = 16


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture of soft coloured blotches."""
    blocks = np.random.default_rng(seed).integers(
        0, 256, (height // BLOCK + 1, width // BLOCK + 1, 3)
    )
    picture = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1).astype(np.float32)
    for axis in (0, 1):
        picture = sum(np.roll(picture, step, axis) for step in range(BLOCK)) / BLOCK
    return picture[:height, :width].astype(np.uint8)


def canvas(n_frames: int) -> Canvas:
    return Canvas(WIDTH, HEIGHT, np.arange(n_frames) / 24)


def cuts(pictures: list[np.ndarray]) -> list[int]:
    found = scenes_of(np.stack([sketch(one) for one in pictures]), canvas(len(pictures)))
    return np.flatnonzero(found.cut).tolist()


@given(
    seed=st.integers(0, 999),
    steps=st.tuples(st.integers(-12, 12), st.integers(-8, 8)),
)
@settings(max_examples=25, derandomize=True)
def test_a_pan_is_found_from_sketches(seed: int, steps: tuple[int, int]) -> None:
    n, (right, down) = 8, steps
    wide = noise(seed, HEIGHT + 160, WIDTH + 240)
    windows = [(80 - i * down, 120 - i * right) for i in range(n)]
    sketches = np.stack([sketch(wide[y : y + HEIGHT, x : x + WIDTH]) for y, x in windows])
    found = scenes_of(sketches, canvas(n))
    assert not found.cut.any()
    way = found.camera_px[-1] - found.camera_px[0]
    assert way == pytest.approx(np.array(steps) * (n - 1), abs=n - 1)  # a pixel a frame


def test_a_new_scene_begins_where_all_differs_and_only_there() -> None:
    assert cuts([noise(1)] * 6 + [noise(2)] * 6 + [noise(3)] * 6) == [6, 12]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    assert cuts([noise(1)] * 6 + [noise(2)] * length + [noise(1)] * 6) == []


def test_a_change_of_light_is_no_cut() -> None:
    dark = noise(1) // 2
    assert cuts([dark] * 5 + [dark + 90] * 5) == []


def test_the_camera_does_not_move_across_a_cut() -> None:
    sketches = np.stack([sketch(noise(one)) for one in (1, 1, 1, 1, 2, 2, 2, 2)])
    assert not scenes_of(sketches, canvas(8)).camera_px.any()


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_few_frames_are_one_scene(n_frames: int) -> None:
    found = scenes_of(np.zeros((n_frames, SKETCH), np.uint8), canvas(n_frames))
    assert not found.cut.any()
    assert found.camera_px.shape == (n_frames, 2)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (90, 160)])
def test_a_sketch_of_any_picture_has_its_means(size: tuple[int, int]) -> None:
    told = sketch(np.full((*size, 3), 77, np.uint8))
    assert told.shape == (SKETCH,)
    assert (told == 77).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20))
def test_in_how_many_pieces_frames_are_taken_changes_nothing(
    seed: int, n_frames: int, at_once: int
) -> None:
    random = np.random.default_rng(seed)
    steps = random.choice([-90, -3, 0, 3, 90], (n_frames, 1), p=[0.05, 0.3, 0.3, 0.3, 0.05])
    base = random.integers(60, 190, (1, SKETCH))
    sketches = (base + np.cumsum(steps * random.integers(0, 2, (1, SKETCH)), 0)).clip(0, 255)
    whole = scenes_of(sketches.astype(np.uint8), canvas(n_frames))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenes, "_AT_ONCE", at_once)
        pieces = scenes_of(sketches.astype(np.uint8), canvas(n_frames))
    assert np.array_equal(whole.cut, pieces.cut)
    assert np.array_equal(whole.camera_px, pieces.camera_px)


def test_the_surround_is_the_colour_just_outside_a_mask() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[5:35, 15:45] = 10, 200, 30
    mask = np.zeros((2, 40, 60), np.uint8)
    mask[0, 15:25, 25:35] = 1
    mask[1] = 1  # nothing is left around it: the colour of all
    picture[mask[0] == 1] = 255
    assert surrounds(mask, picture).tolist() == [
        [10, 200, 30],
        picture.reshape(-1, 3).mean(axis=0).round().astype(int).tolist(),
    ]

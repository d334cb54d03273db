from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.letterbox import CELL, STRIDE, Letterbox, fit


@st.composite
def boxes(draw: st.DrawFn) -> Letterbox:
    width, height = draw(st.integers(1, 8192)), draw(st.integers(1, 8192))
    aspect = draw(st.floats(0.02, 50))
    return fit(width, height, aspect, draw(st.sampled_from([32, 320, 640, 960])))


@given(box=boxes())
def test_picture_and_padding_are_whole_mask_cells(box: Letterbox) -> None:
    for inner, outer, before in (
        (box.width, box.input_width, box.left),
        (box.height, box.input_height, box.top),
    ):
        assert outer % STRIDE == 0
        assert inner % CELL == before % CELL == 0
        assert 0 <= before <= outer - inner < STRIDE
        assert abs((outer - inner - before) - before) <= CELL  # in the middle


@given(aspect=st.floats(0.02, 50), long_side=st.sampled_from([320, 640, 960]))
def test_the_aspect_changes_by_half_a_cell_at_most(aspect: float, long_side: int) -> None:
    box = fit(100, 100, aspect, long_side)
    assert max(box.width, box.height) == long_side
    wanted = long_side / max(aspect, 1 / aspect)
    assert abs(min(box.width, box.height) - max(wanted, CELL)) <= CELL / 2 + 1e-6


@given(box=boxes(), corners=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_a_box_finds_its_way_into_the_input_and_back(box: Letterbox, corners: list[float]) -> None:
    size = np.array([box.frame_width_px, box.frame_height_px] * 2)
    in_frame = np.array(corners) * size
    picture = np.array([box.width, box.height] * 2)
    offset = np.array([box.left, box.top] * 2)
    in_input = in_frame * picture / size + offset
    back = box.boxes_to_frame(in_input[None].astype(np.float32))[0]
    # float32 holds an input coordinate to 2⁻¹⁴; in source pixels that is scaled up
    assert np.abs(back - in_frame).max() <= 2**-13 * max(1, (size / picture).max())


@given(box=boxes())
def test_a_box_in_the_padding_ends_at_the_frames_edge(box: Letterbox) -> None:
    everything = np.array([[-50, -50, box.input_width + 50, box.input_height + 50]], np.float32)
    frame = [0, 0, box.frame_width_px, box.frame_height_px]
    assert box.boxes_to_frame(everything)[0].tolist() == frame


@given(box=boxes(), cell=st.sampled_from([1, CELL]))
def test_a_cropped_mask_is_the_picture_edge_to_edge(box: Letterbox, cell: int) -> None:
    picture = np.zeros((1, box.input_height, box.input_width), np.uint8)
    picture[:, box.top : box.top + box.height, box.left : box.left + box.width] = 1
    cropped = box.crop_masks(picture[:, ::cell, ::cell])
    assert cropped.all()
    assert cropped.shape == (1, box.height // cell, box.width // cell)
    assert cropped.sum() == picture[:, ::cell, ::cell].sum()


def test_a_wide_film_is_padded_above_and_below() -> None:
    box = fit(1920, 800, 2.4, 640)
    assert box.as_dict() == {
        "frame_width_px": 1920,
        "frame_height_px": 800,
        "input_width": 640,
        "input_height": 288,
        "width": 640,
        "height": 268,
        "left": 0,
        "top": 8,
    }

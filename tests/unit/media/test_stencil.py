import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from noise import nearest
from numpy.typing import NDArray

from fearrefactor.core.rle import encode
from fearrefactor.media.planes import Plane
from fearrefactor.media.stencil import Stencil, cut, onto

bit_arrays = arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.integers(0, 1),
    fill=st.just(0),
).filter(lambda bits: bool(bits.any()))


def full(stencil: Stencil, height: int, width: int) -> NDArray[np.bool_]:
    whole = np.zeros((height, width), bool)
    whole[stencil.top : stencil.bottom, stencil.left : stencil.right] = stencil.inside
    return whole


def covered(
    bits: NDArray[np.uint8], rotation_deg: int, height: int, width: int
) -> NDArray[np.bool_]:
    return full(cut(encode(bits[None])[0], rotation_deg, width, height), height, width)


@given(bits=bit_arrays, height=st.integers(1, 60), width=st.integers(1, 60))
def test_every_pixel_in_a_masked_cell_is_covered(
    bits: NDArray[np.uint8], height: int, width: int
) -> None:
    assert covered(bits, 0, height, width)[nearest(bits, height, width)].all()


@given(bits=bit_arrays, height=st.integers(1, 60), width=st.integers(1, 60))
def test_no_pixel_further_than_a_cell_from_the_mask_is_covered(
    bits: NDArray[np.uint8], height: int, width: int
) -> None:
    around = np.pad(bits, 1)
    near = np.lib.stride_tricks.sliding_window_view(around, (3, 3)).max(axis=(2, 3))
    touched = np.zeros((height, width), bool)
    for row, column in np.argwhere(near):
        top, left = row * height // near.shape[0], column * width // near.shape[1]
        bottom = -(-(row + 1) * height // near.shape[0])
        right = -(-(column + 1) * width // near.shape[1])
        touched[top:bottom, left:right] = True
    assert not (covered(bits, 0, height, width) & ~touched).any()


@given(bits=bit_arrays, height=st.integers(1, 9), width=st.integers(1, 9))
def test_a_pixel_that_holds_many_cells_is_covered_if_one_of_them_is_masked(
    bits: NDArray[np.uint8], height: int, width: int
) -> None:
    fine = np.repeat(np.repeat(bits, 9, axis=0), 9, axis=1)
    inside = covered(fine, 0, height, width)
    rows, columns = np.nonzero(fine)
    assert inside[rows * height // fine.shape[0], columns * width // fine.shape[1]].all()


def test_the_outline_of_a_slope_is_no_staircase_of_cells() -> None:
    inside = covered(np.tri(20, 20, dtype=np.uint8), 0, 160, 160)
    steps = np.diff(inside.sum(axis=1)[16:-16])
    assert steps.max() <= 4  # a staircase would step by 8


@pytest.mark.parametrize(
    ("rotation_deg", "corner"),
    [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))],
)
def test_the_upper_left_of_the_upright_picture_is_found_in_the_coded_one(
    rotation_deg: int, corner: tuple[int, int]
) -> None:
    upright = np.zeros((9, 16) if rotation_deg in {0, 180} else (16, 9), np.uint8)
    upright[0, 0] = 1
    inside = covered(upright, rotation_deg, 45, 81)
    assert inside[corner]
    assert inside.sum() < 100
    assert inside[[0, 0, -1, -1], [0, -1, 0, -1]].sum() == 1


def test_a_mask_at_the_border_covers_the_last_row_and_column() -> None:
    bits = np.zeros((9, 16), np.uint8)
    bits[-1, :] = 1
    bits[:, -1] = 1
    inside = covered(bits, 0, 721, 1281)
    assert inside[-1].all()
    assert inside[:, -1].all()


def test_an_outline_that_runs_into_the_border_does_not_bend() -> None:
    bits = np.zeros((9, 16), np.uint8)
    bits[:, 4:7] = 1
    inside = covered(bits, 0, 90, 160)
    assert (inside == inside[45]).all()


@settings(max_examples=50)
@given(
    inside=arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    top=st.integers(0, 6),
    left=st.integers(0, 6),
    below=st.integers(0, 5),
    beside=st.integers(0, 5),
    sub=st.sampled_from([(1, 1), (1, 0), (0, 1), (2, 0), (2, 2)]),
    interlaced=st.booleans(),
)
def test_a_chroma_sample_is_covered_if_any_of_its_pixels_is(
    *,
    inside: NDArray[np.bool_],
    top: int,
    left: int,
    below: int,
    beside: int,
    sub: tuple[int, int],
    interlaced: bool,
) -> None:
    sub_x, sub_y = sub
    height, width = top + inside.shape[0] + below, left + inside.shape[1] + beside
    pixels = full(Stencil(top, left, inside), height, width)
    rows, columns = -(-height >> sub_y), -(-width >> sub_x)
    plane = Plane(np.zeros((rows, columns), np.uint8), "chroma", sub_x, sub_y, 255)

    got = full(onto(Stencil(top, left, inside), plane, interlaced=interlaced), rows, columns)

    expected = np.zeros((rows, columns), bool)
    for y, x in np.argwhere(pixels):
        expected[y >> sub_y, x >> sub_x] = True
        if interlaced and sub_y == 1:
            # row y is line y // 2 of field y % 2, whose chroma is row 2 (y // 4) + y % 2
            in_field = min(2 * (y // 4) + y % 2, rows - 1)
            assert got[in_field, x >> sub_x]
    if interlaced and sub_y:
        assert got[expected].all()
    else:
        assert np.array_equal(got, expected)


def test_a_mask_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="something in it, got 16 × 9"):
        cut(encode(np.zeros((1, 9, 16), np.uint8))[0], 0, 64, 36)


def test_a_crooked_rotation_is_an_error() -> None:
    with pytest.raises(ValueError, match="got 45"):
        cut(encode(np.ones((1, 9, 16), np.uint8))[0], 45, 64, 36)

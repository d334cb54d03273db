from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.errors import FidelityError
from fearrefactor.media.blocks import Layer
from fearrefactor.media.likeness import check_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (90, 150)
SOURCE = np.random.default_rng(1).integers(40, 200, SHAPE).astype(np.uint8)


def picture(samples: NDArray[np.uint8]) -> tuple[Layer]:
    return (Layer(samples, "luma", 0, 0),)


def noisy(samples: NDArray[np.uint8], strength: float, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, strength, SHAPE)
    return np.clip(samples + noise, 0, 255).astype(np.uint8)


def covered(top: int, left: int, size: int, value: int = 20) -> NDArray[np.uint8]:
    out = SOURCE.copy()
    out[top : top + size, left : left + size] = value
    return out


PLACES = {"top": st.integers(0, 80), "left": st.integers(0, 140), "size": st.integers(10, 60)}


@given(**PLACES, strength=st.floats(0, 80), seed=st.integers(0, 99))
def test_noise_of_any_strength_over_the_planned_picture_is_no_mistake(
    top: int, left: int, size: int, strength: float, seed: int
) -> None:
    planned = covered(top, left, size)
    check_picture(7, picture(SOURCE), picture(planned), picture(noisy(planned, strength, seed)))


@given(**PLACES, strength=st.floats(0, 4), seed=st.integers(0, 99))
def test_a_thing_of_ten_pixels_that_was_left_unmasked_is_found(
    top: int, left: int, size: int, strength: float, seed: int
) -> None:
    left, top = min(left, 150 - size), min(top, 90 - size)
    planned, result = covered(top, left, size), noisy(SOURCE, strength, seed)
    with pytest.raises(FidelityError, match=r"frame 7 at .* px: expected it masked"):
        check_picture(7, picture(SOURCE), picture(planned), picture(result))


@given(**PLACES, strength=st.floats(0, 30), seed=st.integers(0, 99), is_masked=st.booleans())
def test_the_part_of_the_source_that_is_to_be_masked_is_as_good_as_all_of_it(
    top: int, left: int, size: int, strength: float, seed: int, *, is_masked: bool
) -> None:
    planned = covered(top, left, size)
    result = picture(noisy(planned if is_masked else SOURCE, strength, seed))
    row, column = top // 16, left // 16
    rows, columns = np.s_[16 * row : -(-(top + size) // 16) * 16], np.s_[16 * column :]
    part = (Layer(SOURCE[rows, columns], "luma", 0, 0, row, column),)
    said = []
    for source in (picture(SOURCE), part):
        try:
            check_picture(7, source, picture(planned), result)
        except FidelityError as error:
            said.append(str(error))
        else:
            said.append("")
    assert said[0] == said[1]


def test_what_is_painted_where_nothing_was_planned_is_found() -> None:
    unmasked = picture(SOURCE)
    with pytest.raises(FidelityError, match=r"frame 7 at \(32, 16\) px: expected luma 1\d\d, got"):
        check_picture(7, unmasked, unmasked, picture(noisy(covered(16, 32, 16), 3, 1)))


def test_another_picture_of_the_same_size_is_found() -> None:
    unmasked = picture(SOURCE)
    with pytest.raises(FidelityError, match="frame 7"):
        check_picture(7, unmasked, unmasked, picture(np.full(SHAPE, 30, np.uint8)))
    with pytest.raises(FidelityError, match=r"frame 7: expected planes .*90, 150.*, got .*80, 150"):
        check_picture(7, unmasked, unmasked, picture(SOURCE[:80]))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fearrefactor.core.shapes import FINE, Shape, agreed, shape_of, united

GRID = (20, 24)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Anywhere in a picture, or partly or wholly beyond its border."""
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    bits = draw(hnp.arrays(bool, size))
    return Shape(draw(st.integers(-12, 24)), draw(st.integers(-12, 28)), bits)


def cells(shape: Shape) -> set[tuple[int, int]]:
    """The cells that a shape covers, as (row, column)."""
    rows, columns = np.nonzero(shape.bits)
    return {(int(y) + shape.top, int(x) + shape.left) for y, x in zip(rows, columns, strict=True)}


@given(shape=shapes())
def test_a_shape_on_a_picture_is_cut_off_at_its_border(shape: Shape) -> None:
    inside = {(y, x) for y, x in cells(shape) if 0 <= y < GRID[0] and 0 <= x < GRID[1]}
    assert {(int(y), int(x)) for y, x in np.argwhere(shape.on(GRID))} == inside


@given(one=shapes(), other=shapes())
def test_what_two_shapes_have_in_common_is_counted(one: Shape, other: Shape) -> None:
    both, either = cells(one) & cells(other), cells(one) | cells(other)
    assert one.common(other) == other.common(one) == len(both)
    assert one.iou(other) == pytest.approx(len(both) / max(len(either), 1))
    assert one.area == len(cells(one))


@given(shape=shapes(), columns=st.integers(-9, 9), rows=st.integers(-9, 9))
def test_a_shifted_shape_is_the_same_elsewhere(shape: Shape, columns: int, rows: int) -> None:
    moved = shape.shifted(columns, rows)
    assert cells(moved) == {(y + rows, x + columns) for y, x in cells(shape)}
    assert moved.area == shape.area
    assert shape.filled_box().area == shape.bits.size


@given(
    shape=shapes(),
    box=st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(1, 20), st.floats(1, 20)),
    columns=st.integers(-9, 9),
)
def test_a_warp_onto_the_same_box_changes_nothing_and_onto_a_shifted_one_shifts(
    shape: Shape, box: tuple[float, float, float, float], columns: int
) -> None:
    source = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    assert cells(shape.warped(source, source)) == cells(shape)
    target = source + np.array([columns, 0, columns, 0])
    assert cells(shape.warped(source, target)) == cells(shape.shifted(columns, 0))


def test_a_warp_scales_and_keeps_at_least_one_cell() -> None:
    block = Shape(2, 4, np.ones((3, 5), bool))
    twice = block.warped(np.array([4.0, 2.0, 9.0, 5.0]), np.array([8.0, 4.0, 18.0, 10.0]))
    assert (twice.top, twice.left, twice.bits.shape) == (4, 8, (6, 10))
    speck = block.warped(np.array([4.0, 2.0, 9.0, 5.0]), np.array([6.3, 3.2, 6.4, 3.3]))
    assert speck.area == 1


@given(shape=shapes(), n=st.integers(0, 7))
@settings(max_examples=50)
def test_widening_reaches_every_cell_within_its_octagon_and_no_other(shape: Shape, n: int) -> None:
    octagon = [
        (y, x)
        for y in range(-n, n + 1)
        for x in range(-n, n + 1)
        if abs(y) + abs(x) <= n + n // 2  # every other step may go diagonally
    ]
    expected = {(y + dy, x + dx) for y, x in cells(shape) for dy, dx in octagon}
    assert cells(shape.widened(n)) == expected


@pytest.mark.parametrize("n", [2, 8, 20])
def test_widening_is_no_less_than_a_disc_and_an_eighth_further_at_the_most(n: int) -> None:
    speck = Shape(0, 0, np.ones((1, 1), bool))
    reached = cells(speck.widened(n))
    near = range(-2 * n, 2 * n + 1)
    assert reached >= {(y, x) for y in near for x in near if y * y + x * x <= n * n}
    assert max(np.hypot(*cell) for cell in reached) <= n * 1.125


@given(several=st.lists(shapes(), min_size=2, max_size=4), n=st.integers(1, 2))
def test_what_so_many_agree_on_is_kept(several: list[Shape], n: int) -> None:
    covered = [cells(shape) for shape in several]
    every = set().union(*covered)
    expected = {cell for cell in every if sum(cell in one for one in covered) >= n}
    assert cells(agreed(several, n)) == expected
    assert cells(united(several)) == every


@given(bits=hnp.arrays(np.uint8, (6, 8), elements=st.integers(0, 1)))
def test_a_models_mask_becomes_finer_where_it_is(bits: np.ndarray) -> None:
    shape = shape_of(bits, np.array([2.0, 2.0, 3.0, 3.0]))
    if bits.any():
        finer = bits.repeat(FINE, axis=0).repeat(FINE, axis=1).astype(bool)
        assert (shape.on((6 * FINE, 8 * FINE)) == finer).all()
    else:
        assert cells(shape) == {(2, 2)}


def test_a_thing_too_small_for_a_mask_is_every_cell_that_its_box_touches() -> None:
    shape = shape_of(np.zeros((6, 8), np.uint8), np.array([2.5, 3.0, 4.1, 3.0]))
    assert cells(shape) == {(3, 2), (3, 3), (3, 4)}


def test_the_centre_is_that_of_mass() -> None:
    shape = Shape(10, 20, np.array([[1, 0, 0], [1, 1, 0]], bool))
    assert shape.centre == pytest.approx((20 + 1 / 3, 10 + 2 / 3))

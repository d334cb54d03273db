from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.always import always_regions
from fearrefactor.core.canvas import Canvas
from fearrefactor.core.policy import Always, Effect, Policy

WIDTH_PX, HEIGHT_PX = 320, 180
shares = st.floats(0, 1)
places = st.tuples(shares, shares)
weights = st.floats(0.01, 1)


def canvas(n_frames: int = 24, rate: float = 24.0) -> Canvas:
    return Canvas(WIDTH_PX, HEIGHT_PX, np.arange(n_frames) / rate)


def bits_of(always: Always) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    (region,) = always_regions(Policy(always=(always,)), canvas())[0]
    return region.mask.bits()


def beside(share: float) -> list[int]:
    """The cell of a place, and the one next to it where the place lies on an edge."""
    return sorted({int(np.clip(share * 160 + d, 0, 159)) for d in (-1e-5, 1e-5)})


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    x1, x2 = sorted(draw(st.lists(shares, min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(shares, min_size=2, max_size=2, unique=True)))
    return x1, y1, x2, y2


@given(box=boxes(), x=shares, y=shares)
def test_every_place_in_a_box_is_masked_and_none_a_cell_away(
    box: tuple[float, float, float, float], x: float, y: float
) -> None:
    bits = bits_of(Always(box=box))
    inside_x, inside_y = box[0] + x * (box[2] - box[0]), box[1] + y * (box[3] - box[1])
    assert bits[np.ix_(beside(inside_y), beside(inside_x))].any()
    reach = 1.01 / len(bits)
    if not (box[0] - reach < x < box[2] + reach and box[1] - reach < y < box[3] + reach):
        assert not bits[np.ix_(beside(y), beside(x))].any()


@given(
    triangle=st.tuples(places, places, places),
    weights=st.tuples(weights, weights, weights),
)
def test_every_place_in_a_triangle_is_masked(
    triangle: tuple[tuple[float, float], ...], weights: tuple[float, ...]
) -> None:
    mix = np.array(weights) / sum(weights)
    x, y = mix @ np.array(triangle)
    bits = bits_of(Always(polygon=triangle))
    assert bits[np.ix_(beside(y), beside(x))].any()


@given(corners=st.lists(places, min_size=3, max_size=6), along=shares)
def test_every_place_on_the_outline_of_a_polygon_is_masked(
    corners: list[tuple[float, float]], along: float
) -> None:
    bits = bits_of(Always(polygon=tuple(corners)))
    for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
        x, y = (a + along * (b - a) for a, b in zip(one, other, strict=True))
        if all(1e-4 < place * 160 % 1 < 1 - 1e-4 for place in (x, y)):  # else it is in no cell
            assert bits[beside(y)[0], beside(x)[0]]


def test_a_rectangle_is_the_same_as_a_box_and_as_a_polygon() -> None:
    box = Always(box=(0.1, 0.21, 0.333, 0.9))
    corners = ((0.1, 0.21), (0.333, 0.21), (0.333, 0.9), (0.1, 0.9))
    for polygon in (corners, corners[::-1]):
        assert np.array_equal(bits_of(box), bits_of(Always(polygon=polygon)))


def test_a_polygon_is_filled_also_where_it_overlaps_itself_and_left_clear_in_its_bays() -> None:
    angles = np.pi * (0.8 * np.arange(5) - 0.5)
    star = tuple((float(0.5 + 0.4 * np.cos(a)), float(0.5 + 0.4 * np.sin(a))) for a in angles)
    assert bits_of(Always(polygon=star))[80, 80]
    bay = bits_of(Always(polygon=((0, 0), (1, 0), (1, 1), (0.5, 0.2), (0, 1))))
    assert not bay[140, 80]
    assert bay[140, 5]


def test_an_edge_on_a_tenth_of_the_picture_is_exact_in_spite_of_rounding() -> None:
    for tenth in range(9):
        bits = bits_of(Always(box=(tenth / 10, 0, (tenth + 1) / 10, 1)))
        assert np.flatnonzero(bits.any(axis=0)).tolist() == list(range(16 * tenth, 16 * tenth + 16))


@given(
    gaps_s=st.lists(st.floats(0.01, 3), max_size=20),
    start_s=st.floats(0, 30),
    lasts_s=st.none() | st.floats(0.02, 30),
)
def test_a_frame_is_masked_exactly_if_it_is_on_the_screen_in_the_range(
    gaps_s: list[float], start_s: float, lasts_s: float | None
) -> None:
    times_s = np.cumsum([0.0, *gaps_s])
    end_s = None if lasts_s is None else start_s + lasts_s
    policy = Policy(always=(Always(start_s=start_s, end_s=end_s),))
    masked = always_regions(policy, Canvas(WIDTH_PX, HEIGHT_PX, times_s))
    gone_s = [*times_s[1:], times_s[-1] + max(gaps_s, default=0)]
    for index, (shown_s, then_s) in enumerate(zip(times_s, gone_s, strict=True)):
        over = end_s is not None and shown_s >= end_s
        early = then_s <= start_s + 1e-6 and shown_s < start_s
        assert (index in masked) == (not over and not early)


def test_a_range_on_the_beat_of_the_frames_is_half_open() -> None:
    policy = Policy(always=(Always(start_s=0.25, end_s=0.5),))
    assert list(always_regions(policy, canvas())) == [6, 7, 8, 9, 10, 11]


def test_a_range_after_the_last_frame_masks_nothing_and_one_without_an_end_lasts_to_it() -> None:
    assert always_regions(Policy(always=(Always(start_s=1.0),)), canvas()) == {}
    assert list(always_regions(Policy(always=(Always(start_s=0.9),)), canvas())) == [21, 22, 23]


def test_a_still_picture_is_masked_from_zero_only() -> None:
    still = Canvas(WIDTH_PX, HEIGHT_PX, np.zeros(1))
    assert list(always_regions(Policy(always=(Always(),)), still)) == [0]
    assert always_regions(Policy(always=(Always(start_s=0.1),)), still) == {}


def test_frames_of_one_range_share_one_region_and_entries_stand_in_order() -> None:
    mosaic = Effect(kind="mosaic")
    corner = Always(box=(0, 0, 0.5, 0.5), effect=mosaic)
    found = always_regions(Policy(always=(corner, Always(end_s=0.5))), canvas())
    assert len(found) == 24
    assert all(regions[0] is found[0][0] for regions in found.values())
    assert [region.effect.kind for region in found[3]] == ["mosaic", "fill"]
    assert {region.provenance for region in found[3]} == {"always"}
    assert {(region.track, region.class_id) for region in found[3]} == {(-1, -1)}


@pytest.mark.parametrize(
    ("always", "size_px"),
    [
        (Always(), (WIDTH_PX * HEIGHT_PX) ** 0.5),
        (Always(box=(0, 0, 0.5, 0.5)), (WIDTH_PX * HEIGHT_PX / 4) ** 0.5),
    ],
)
def test_the_effect_grows_with_the_place_that_it_hides(always: Always, size_px: float) -> None:
    (region,) = always_regions(Policy(always=(always,)), canvas())[0]
    assert region.size_px == pytest.approx(size_px)


def test_the_whole_frame_is_one_cell() -> None:
    assert np.array_equal(bits_of(Always()), np.ones((1, 1), np.uint8))

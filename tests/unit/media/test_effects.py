import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from noise import noise_frame
from numpy.typing import NDArray

from fearrefactor.core.policy import Effect
from fearrefactor.media.effects import EFFECTS, OPAQUE, mosaic
from fearrefactor.media.effects.brush import Brush
from fearrefactor.media.planes import Plane, planes_of
from fearrefactor.media.stencil import Stencil

DEEP = {8: np.uint8, 10: np.uint16, 12: np.uint16, 16: np.uint16}


def noise(bits: int, height: int, width: int, *, sub_x: int = 0, sub_y: int = 0) -> Plane:
    samples = np.random.default_rng(5).integers(0, 1 << bits, (height, width)).astype(DEEP[bits])
    return Plane(samples, "chroma" if sub_x or sub_y else "luma", sub_x, sub_y, (1 << bits) - 1)


def brush(plane: Plane, size_px: float, strength: float = 1.0) -> Brush:
    """With a picture that is smooth, and as large as the plane."""
    rows, columns = plane.samples.shape
    ramp = np.linspace(0, plane.max_value, rows * columns).reshape(columns, rows).T
    return Brush(size_px, strength, 17, ramp.astype(plane.samples.dtype))


def test_every_effect_that_a_policy_can_name_is_there() -> None:
    kinds = Effect.model_json_schema()["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted(EFFECTS)
    assert set(EFFECTS) >= OPAQUE


@pytest.mark.parametrize("kind", EFFECTS)
@settings(max_examples=60)
@given(
    inside=arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))),
    around=st.tuples(*[st.integers(0, 25)] * 4),
    bits=st.sampled_from([8, 10, 12, 16]),
    sub=st.sampled_from([(0, 0), (1, 1), (1, 0), (2, 2)]),
    size_px=st.floats(0, 3000),
    strength=st.floats(0.01, 4),
)
def test_an_effect_leaves_what_lies_outside_its_stencil(
    *,
    kind: str,
    inside: NDArray[np.bool_],
    around: tuple[int, int, int, int],
    bits: int,
    sub: tuple[int, int],
    size_px: float,
    strength: float,
) -> None:
    top, left, below, beside = around
    height, width = top + inside.shape[0] + below, left + inside.shape[1] + beside
    plane = noise(bits, height, width, sub_x=sub[0], sub_y=sub[1])
    before = plane.samples.copy()

    EFFECTS[kind](plane, Stencil(top, left, inside), brush(plane, size_px, strength))

    outside = np.ones((height, width), bool)
    outside[top : top + inside.shape[0], left : left + inside.shape[1]] = ~inside
    assert np.array_equal(plane.samples[outside], before[outside])
    assert plane.samples.max() <= plane.max_value


@pytest.mark.parametrize("kind", EFFECTS)
@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize(("sub_x", "sub_y"), [(0, 0), (1, 1), (2, 2)])
@pytest.mark.parametrize("size_px", [1, 40, 400])
def test_noise_does_not_survive_inside_the_stencil_up_to_the_last_row_and_column(
    kind: str, bits: int, sub_x: int, sub_y: int, size_px: int
) -> None:
    plane = noise(bits, 61, 83, sub_x=sub_x, sub_y=sub_y)
    before = plane.samples.astype(np.int64)
    inside = np.ones((40, 50), bool)

    EFFECTS[kind](plane, Stencil(21, 33, inside), brush(plane, size_px))

    after = plane.samples.astype(np.int64)
    for part in (np.s_[21:, 33:], np.s_[-1:, 33:], np.s_[21:, -1:], np.s_[21:22, 33:]):
        assert (after[part] == before[part]).mean() < 0.1
        # along a row and down a column, neighbours that had nothing to do with each other agree
        for axis in (0, 1):
            if after[part].shape[axis] > 1:
                rough = np.abs(np.diff(after[part], axis=axis)).mean()
                assert rough < 0.5 * np.abs(np.diff(before[part], axis=axis)).mean()


@pytest.mark.parametrize("kind", ["blur", "background-blur"])
def test_a_larger_object_is_blurred_more(kind: str) -> None:
    def spread(size_px: float) -> float:
        plane = noise(8, 300, 300)
        EFFECTS[kind](plane, Stencil(50, 50, np.ones((200, 200), bool)), Brush(size_px, 1, 0))
        return float(plane.samples[50:250, 50:250].std())

    spreads = [spread(size) for size in (20, 50, 100, 200)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] < 74 / 4  # 74 is the deviation of uniform noise
    assert spreads[-1] < 1.5


@pytest.mark.parametrize("kind", ["blur", "mosaic"])
@pytest.mark.parametrize("size_px", [20, 90, 250])
def test_what_a_sample_becomes_does_not_depend_on_the_outline(kind: str, size_px: int) -> None:
    def masked(top: int, left: int, height: int, width: int) -> NDArray[np.int64]:
        plane = noise(8, 400, 500)
        plane.samples[:, 190:] |= 0xC0  # an edge, for blurred noise is nearly plain
        stencil = Stencil(top, left, np.ones((height, width), bool))
        EFFECTS[kind](plane, stencil, Brush(size_px, 1, 0))
        return plane.samples.astype(np.int64)

    small, large = masked(209, 185, 50, 60), masked(90, 50, 300, 400)
    part = np.s_[209:259, 185:245]
    assert np.abs(small[part] - large[part]).max() <= 1


def test_a_blur_keeps_the_brightness_of_a_plain_area() -> None:
    plane = Plane(np.full((90, 90), 200, np.uint8), "luma", 0, 0, 255)
    EFFECTS["blur"](plane, Stencil(30, 30, np.ones((60, 60), bool)), Brush(300, 1, 0))
    assert (plane.samples == 200).all()


def test_a_blurred_edge_rises_without_a_step() -> None:
    samples = np.zeros((200, 400), np.uint8)
    samples[:, 200:] = 240
    plane = Plane(samples, "luma", 0, 0, 255)
    EFFECTS["blur"](plane, Stencil(0, 50, np.ones((200, 300), bool)), Brush(200, 1, 0))
    middle = samples[100, 60:340].astype(int)
    assert (np.diff(middle) >= 0).all()
    assert np.diff(middle).max() <= 6
    assert abs(int(samples[100, 200]) - 120) <= 6


def test_the_cells_of_a_mosaic_are_plain_and_hold_their_mean() -> None:
    plane = noise(8, 70, 90)
    before = plane.samples.astype(float)
    assert mosaic.cell_px(Brush(60, 1, 0)) == 16
    EFFECTS["mosaic"](plane, Stencil(5, 7, np.ones((65, 83), bool)), Brush(60, 1, 0))
    for top in (16, 32, 48):
        for left in (16, 32, 48, 64):
            cell = plane.samples[top : top + 16, left : left + 16]
            assert len(np.unique(cell)) == 1
            assert abs(cell[0, 0] - before[top : top + 16, left : left + 16].mean()) <= 1


@given(size_px=st.floats(1, 5000), strength=st.floats(0.01, 4))
def test_a_cell_is_a_fifth_of_the_object_or_more_and_nests(size_px: float, strength: float) -> None:
    cell = mosaic.cell_px(Brush(size_px, strength, 0))
    assert cell >= size_px * strength / 5
    assert cell >= 8
    assert cell & (cell - 1) == 0


def test_the_grid_of_a_mosaic_does_not_move_with_the_object() -> None:
    def masked(top: int) -> NDArray[np.uint16]:
        plane = noise(8, 100, 100)
        EFFECTS["mosaic"](plane, Stencil(top, top + 3, np.ones((40, 40), bool)), Brush(50, 1, 0))
        return plane.samples.astype(np.uint16)

    assert np.array_equal(masked(20)[27:60, 30:63], masked(27)[27:60, 30:63])


@given(
    bits=st.sampled_from([8, 10, 16]),
    kept=arrays(bool, st.just((9, 12))).filter(lambda kept: not kept.all()),
    size_px=st.floats(1, 400),
    level=st.integers(0, 255),
)
@settings(max_examples=60, deadline=None)
def test_what_stays_clear_does_not_shine_into_a_blurred_background(
    bits: int, kept: NDArray[np.bool_], size_px: float, level: int
) -> None:
    clear = np.kron(kept, np.ones((11, 13), bool))
    plane = noise(bits, *clear.shape)
    plane.samples[~clear] = level
    EFFECTS["background-blur"](plane, Stencil(0, 0, ~clear), Brush(size_px, 1, 0))
    assert (plane.samples[~clear] == level).all()


def test_a_background_without_anything_in_front_is_blurred_like_an_object() -> None:
    results = []
    for kind in ("blur", "background-blur"):
        plane = noise(8, 90, 140)
        EFFECTS[kind](plane, Stencil(0, 0, np.ones((90, 140), bool)), Brush(60, 1, 0))
        results.append(plane.samples.astype(int))
    assert np.abs(results[0] - results[1]).max() <= 2  # one of them rounds its means of cells


def test_a_sticker_keeps_its_shape_and_lies_in_the_middle_of_the_box() -> None:
    plane = noise(8, 60, 80)
    inside = np.zeros((50, 60), bool)
    inside[4:44, 10:30] = True  # the box is 40 × 20, and not the whole rectangle
    picture = np.full((30, 30), 200, np.uint8)
    EFFECTS["sticker"](plane, Stencil(5, 7, inside), Brush(20, 1, 17, picture))
    box = plane.samples[9:49, 17:37]
    assert (box[10:30] == 200).all()
    assert (box[:10] == 17).all()
    assert (box[30:] == 17).all()


def test_a_brush_without_a_picture_cannot_paint_one() -> None:
    for kind in ("sticker", "background-image"):
        with pytest.raises(ValueError, match="with a picture"):
            EFFECTS[kind](noise(8, 9, 9), Stencil(0, 0, np.ones((9, 9), bool)), Brush(9, 1, 0))


def test_noise_is_noise() -> None:
    # the other tests stand on this: without an effect, nothing about these planes is smooth
    luma = planes_of(noise_frame("yuv420p", 64, 64))[0].samples.astype(int)
    assert np.abs(np.diff(luma, axis=0)).mean() > 70

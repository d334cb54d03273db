import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from noise import noise_frame
from numpy.typing import NDArray

from fearrefactor.core.policy import Effect
from fearrefactor.media.effects import EFFECTS, OPAQUE, fill, mosaic
from fearrefactor.media.effects.brush import Brush
from fearrefactor.media.planes import Plane, planes_of
from fearrefactor.media.stencil import Stencil

DEEP = {8: np.uint8, 10: np.uint16, 12: np.uint16, 16: np.uint16}


def noise(bits: int, height: int, width: int, *, sub_x: int = 0, sub_y: int = 0) -> Plane:
    samples = np.random.default_rng(5).integers(0, 1 << bits, (height, width)).astype(DEEP[bits])
    return Plane(samples, "chroma" if sub_x or sub_y else "luma", sub_x, sub_y, (1 << bits) - 1)


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

    EFFECTS[kind](plane, Stencil(top, left, inside), Brush(size_px, strength, level=17))

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

    EFFECTS[kind](plane, Stencil(21, 33, inside), Brush(size_px, 1.0, level=17))

    after = plane.samples.astype(np.int64)
    for part in (np.s_[21:, 33:], np.s_[-1:, 33:], np.s_[21:, -1:], np.s_[21:22, 33:]):
        assert (after[part] == before[part]).mean() < 0.1
        # along a row and down a column, neighbours that had nothing to do with each other agree
        for axis in (0, 1):
            if after[part].shape[axis] > 1:
                rough = np.abs(np.diff(after[part], axis=axis)).mean()
                assert rough < 0.5 * np.abs(np.diff(before[part], axis=axis)).mean()


def test_a_larger_object_is_blurred_more() -> None:
    def spread(size_px: float) -> float:
        plane = noise(8, 300, 300)
        EFFECTS["blur"](plane, Stencil(50, 50, np.ones((200, 200), bool)), Brush(size_px, 1, 0))
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
    brush = Brush(60, 1, 0)
    assert mosaic.cell_px(brush) == 16
    EFFECTS["mosaic"](plane, Stencil(5, 7, np.ones((65, 83), bool)), brush)
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


COLORS = [(128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (10, 200, 90)]
MATRICES = {1: "ITU709", 5: "ITU601", 7: "SMPTE240M"}


@pytest.mark.parametrize("rgb", COLORS)
@pytest.mark.parametrize("colorspace", MATRICES)
@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p10le"])
def test_a_fill_has_the_colour_that_ffmpeg_gives_it(
    rgb: tuple[int, int, int], colorspace: int, color_range: int, pix_fmt: str
) -> None:
    picture = np.full((32, 32, 3), rgb, np.uint8)
    expected = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format=pix_fmt, dst_colorspace=colorspace, dst_color_range=color_range
    )
    frame = av.VideoFrame(32, 32, pix_fmt)
    frame.colorspace = colorspace
    frame.color_range = color_range
    top = planes_of(frame)[0].max_value
    for level, plane in zip(fill.levels(rgb, frame), planes_of(expected), strict=True):
        assert abs(
            level - int(plane.samples[16, 16] if plane.sub_x == 0 else plane.samples[8, 8])
        ) <= (2 * (top + 1) // 256)


@pytest.mark.parametrize(
    ("pix_fmt", "rgb", "expected"),
    [
        ("gbrp", (10, 20, 30), (20, 30, 10)),
        ("gbrap", (10, 20, 30), (20, 30, 10)),
        ("gbrp10le", (255, 0, 51), (0, 205, 1023)),
        ("gray", (128, 128, 128), (128,)),
        ("gray16le", (255, 255, 255), (65535,)),
        ("yuv420p", (0, 0, 0), (16, 128, 128)),
        ("yuvj420p", (0, 0, 0), (0, 128, 128)),
        ("yuva420p", (255, 255, 255), (235, 128, 128)),
    ],
)
def test_a_fill_of_an_untagged_frame_follows_its_format(
    pix_fmt: str, rgb: tuple[int, int, int], expected: tuple[int, ...]
) -> None:
    assert fill.levels(rgb, av.VideoFrame(64, 48, pix_fmt)) == expected


def test_an_untagged_frame_is_bt601_when_small_and_bt709_when_large() -> None:
    def tagged(width: int, height: int, colorspace: int) -> tuple[int, ...]:
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.colorspace = colorspace
        return fill.levels((200, 30, 60), frame)

    assert tagged(720, 576, 2) == tagged(720, 576, 5) != tagged(720, 576, 1)
    assert tagged(1280, 720, 2) == tagged(1280, 720, 1)


def test_grey_is_grey_in_every_matrix() -> None:
    def chroma(colorspace: int) -> tuple[int, ...]:
        frame = av.VideoFrame(1280, 720, "yuv420p")
        frame.colorspace = colorspace
        return fill.levels((128, 128, 128), frame)[1:]

    assert {chroma(colorspace) for colorspace in (1, 2, 4, 5, 6, 7, 8, 9, 10, 14)} == {(128, 128)}


def test_noise_is_noise() -> None:
    # the other tests stand on this: without an effect, nothing about these planes is smooth
    luma = planes_of(noise_frame("yuv420p", 64, 64))[0].samples.astype(int)
    assert np.abs(np.diff(luma, axis=0)).mean() > 70

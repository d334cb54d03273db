import io
from collections.abc import Iterator

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from noise import copies, nearest, noise_frame, region
from numpy.typing import NDArray

from fearrefactor.errors import UnsupportedError
from fearrefactor.media.composite import composite
from fearrefactor.media.effects import EFFECTS
from fearrefactor.media.planes import planes_of
from fearrefactor.media.stencil import cut, onto

FORMATS = ["yuv420p", "yuv422p10le", "yuv444p12le", "yuv410p", "gray", "gray10le", "gbrp"]

masks = arrays(
    np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.integers(0, 1)
).filter(lambda bits: bool(bits.any()))


def whole(
    bits: NDArray[np.uint8], rotation_deg: int, frame: av.VideoFrame, index: int
) -> NDArray[np.bool_]:
    plane = planes_of(frame)[index]
    made = onto(cut(region(bits).mask, rotation_deg, frame.width, frame.height), plane)
    inside = np.zeros(plane.samples.shape, bool)
    inside[made.top : made.bottom, made.left : made.right] = made.inside
    return inside


@pytest.mark.parametrize("pix_fmt", FORMATS)
@settings(max_examples=25, deadline=None)
@given(
    bits=masks,
    size=st.tuples(st.integers(20, 70), st.integers(20, 70)),
    rotation_deg=st.sampled_from([0, 90, 180, 270]),
    kind=st.sampled_from(sorted(EFFECTS)),
)
def test_pixels_outside_the_mask_keep_their_values_and_those_inside_do_not(
    *, pix_fmt: str, bits: NDArray[np.uint8], size: tuple[int, int], rotation_deg: int, kind: str
) -> None:
    frame = noise_frame(pix_fmt, *size)
    before = copies(frame)

    composite(frame, [region(bits, kind, size_px=30, color="#3070c0")], rotation_deg)

    # coded from upright by hand: a picture that is to be turned clockwise lies anticlockwise
    coded = bits
    for _ in range(rotation_deg // 90):
        coded = np.flipud(coded.T)
    pixels = nearest(np.ascontiguousarray(coded), frame.height, frame.width)
    for index, plane in enumerate(planes_of(frame)):
        changed = plane.samples != before[index]
        assert not changed[~whole(bits, rotation_deg, frame, index)].any()
        rows, columns = np.nonzero(pixels)
        in_cells = np.unique(
            np.stack([rows >> plane.sub_y, columns >> plane.sub_x], axis=1), axis=0
        ).T
        must_change = changed[in_cells[0], in_cells[1]]
        # by chance a sample may have had the new value already
        assert np.count_nonzero(~must_change) <= 2 + 0.05 * must_change.size


ODD = [
    ("yuv422p10le", 211, 157),
    ("yuv420p", 210, 158),
    ("yuv420p", 211, 157),
    ("yuv444p", 211, 157),
    ("gray10le", 211, 157),
    ("gbrp", 211, 157),
]


@pytest.mark.parametrize("kind", EFFECTS)
@pytest.mark.parametrize(("pix_fmt", "width", "height"), ODD)
@pytest.mark.parametrize("rotation_deg", [0, 90])
def test_no_texture_keeps_its_values_and_nothing_beside_the_mask_changes(
    kind: str, pix_fmt: str, width: int, height: int, rotation_deg: int
) -> None:
    bits = np.ones((12, 16), np.uint8)  # a mask that touches all borders, with a hole in it
    bits[4:8, 6:11] = 0
    for seed in (0, 1):
        frame = noise_frame(pix_fmt, width, height, seed)
        before = copies(frame)
        composite(frame, [region(bits, kind, size_px=70, color="#3070c0")], rotation_deg)
        for index, (old, new) in enumerate(zip(before, copies(frame), strict=True)):
            inside = whole(bits, rotation_deg, frame, index)
            kept = old == new
            assert kept[~inside].all()
            assert kept[inside].mean() < 0.015
            for border in (kept[0], kept[-1], kept[:, 0], kept[:, -1]):
                assert border.mean() < 0.07


@pytest.mark.parametrize("kind", ["blur", "fill"])
@pytest.mark.parametrize("pix_fmt", ["gray", "yuv444p", "yuv420p", "yuv422p"])
def test_a_picture_that_lies_on_its_side_is_masked_like_one_that_stands(
    kind: str, pix_fmt: str
) -> None:
    upright_sizes = {"width": 96, "height": 64}
    bits = np.zeros((16, 24), np.uint8)
    bits[3:9, 5:20] = 1
    bits[9:16, 18:] = 1
    upright = noise_frame("gray", **upright_sizes)
    picture = copies(upright)[0].astype(np.uint8)
    for rotation_deg in (90, 180, 270):
        lying = np.rot90(picture, rotation_deg // 90)
        coded = av.VideoFrame(lying.shape[1], lying.shape[0], pix_fmt)
        standing = av.VideoFrame(96, 64, pix_fmt)
        for frame, luma in ((coded, lying), (standing, picture)):
            for plane in planes_of(frame):
                plane.samples[:] = 128
            planes_of(frame)[0].samples[:] = luma
        composite(coded, [region(bits, kind, size_px=30)], rotation_deg)
        composite(standing, [region(bits, kind, size_px=30)], 0)
        back = np.rot90(copies(coded)[0], -(rotation_deg // 90))
        # means of cells are rounded, and the grid starts at another corner
        assert np.abs(back.astype(int) - copies(standing)[0].astype(int)).max() <= 1


@pytest.mark.parametrize("kind", EFFECTS)
def test_alpha_is_left_as_it_is(kind: str) -> None:
    for pix_fmt in ("yuva420p", "gbrap"):
        frame = noise_frame(pix_fmt, 60, 40)
        before = copies(frame)
        composite(frame, [region(np.ones((9, 16), np.uint8), kind)], 0)
        after = copies(frame)
        assert np.array_equal(after[3], before[3])
        assert all((after[i] != before[i]).mean() > 0.9 for i in range(3))


@pytest.mark.parametrize("kind", EFFECTS)
def test_the_last_row_and_column_of_an_odd_frame_are_masked_in_every_plane(kind: str) -> None:
    for pix_fmt in FORMATS:
        frame = noise_frame(pix_fmt, 67, 45)
        before = copies(frame)
        bits = np.zeros((9, 16), np.uint8)
        bits[5:, 10:] = 1
        composite(frame, [region(bits, kind, size_px=30)], 0)
        for old, new in zip(before, copies(frame), strict=True):
            assert (old[-1, -6:] != new[-1, -6:]).mean() > 0.6
            assert (old[-6:, -1] != new[-6:, -1]).mean() > 0.6


@pytest.mark.parametrize("other", EFFECTS)
@pytest.mark.parametrize("fill_first", [True, False])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gbrp"])
def test_nothing_in_the_result_depends_on_what_was_filled(
    other: str, pix_fmt: str, *, fill_first: bool
) -> None:
    filled = np.zeros((10, 16), np.uint8)
    filled[2:8, 2:8] = 1
    beside = np.zeros((10, 16), np.uint8)
    beside[2:8, 6:14] = 1
    regions = [region(filled, "fill", 24), region(beside, other, 40, color="#ff0000")]
    results = []
    for secret in (1, 2):
        frame = noise_frame(pix_fmt, 160, 100)
        hidden = noise_frame(pix_fmt, 160, 100, seed=secret)
        for index, plane in enumerate(planes_of(frame)):
            inside = whole(filled, 0, frame, index)
            plane.samples[inside] = planes_of(hidden)[index].samples[inside]
        composite(frame, regions if fill_first else regions[::-1], 0)
        results.append(copies(frame))
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("last", ["fill", "sticker", "blur"])
def test_what_lies_in_front_of_a_background_image_shows_that_image_and_nothing_behind_it(
    last: str,
) -> None:
    background, person = np.ones((10, 16), np.uint8), np.zeros((10, 16), np.uint8)
    background[3:7, 2:6] = 0
    person[4:9, 4:14] = 1  # partly in front of what the background's rule leaves clear
    regions = [region(person, last, 30, color="#ff0000"), region(background, "background-image")]
    results = []
    for secret in (1, 2):
        frame = noise_frame("yuv420p", 160, 100)
        hidden = noise_frame("yuv420p", 160, 100, seed=secret)
        for index, plane in enumerate(planes_of(frame)):
            inside = whole(background, 0, frame, index)
            plane.samples[inside] = planes_of(hidden)[index].samples[inside]
        composite(frame, regions, 0)
        results.append(copies(frame))
    assert all(np.array_equal(one, two) for one, two in zip(*results, strict=True))
    frame = noise_frame("yuv420p", 160, 100)
    composite(frame, regions[1:], 0)
    shows_image = results[0][0][45:85, 70:130] == copies(frame)[0][45:85, 70:130]
    assert shows_image.all() == (last == "blur")


@pytest.mark.parametrize("other", ["blur", "mosaic"])
def test_a_fill_is_plain_even_beside_a_blur(other: str) -> None:
    frame = noise_frame("yuv420p", 160, 100)
    filled = np.zeros((10, 16), np.uint8)
    filled[2:8, 2:8] = 1
    composite(frame, [region(filled), region(np.ones((10, 16), np.uint8), other, 90)], 0)
    for index, plane in enumerate(planes_of(frame)):
        assert len(np.unique(plane.samples[whole(filled, 0, frame, index)])) == 1


def test_the_order_of_regions_does_not_matter_where_sizes_differ() -> None:
    left, right = np.zeros((10, 16), np.uint8), np.zeros((10, 16), np.uint8)
    left[:, :9] = 1
    right[:, 7:] = 1
    regions = [region(left, "blur", 30), region(right, "mosaic", 60), region(right, "fill", 10)]
    results = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        frame = noise_frame("yuv420p", 160, 100)
        composite(frame, [regions[i] for i in order], 0)
        results.append(copies(frame))
    for planes in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(planes, results[0], strict=True))


def test_masking_a_decoded_frame_does_not_touch_the_frames_predicted_from_it() -> None:
    clip = encoded_clip(24)
    clear = [copies(frame) for frame in decoded(clip)]
    untouched = []
    for index, frame in enumerate(decoded(clip)):
        if index % 3 == 0:
            composite(frame, [region(np.ones((9, 16), np.uint8))], 0)
            assert (copies(frame)[0] != clear[index][0]).mean() > 0.9
        else:
            untouched.append(
                all(np.array_equal(a, b) for a, b in zip(copies(frame), clear[index], strict=True))
            )
    assert len(untouched) == 16
    assert all(untouched)


def test_a_frame_without_regions_stays_as_it_is() -> None:
    frame = noise_frame("yuv420p", 64, 48)
    before = copies(frame)
    composite(frame, [], 0)
    assert all(np.array_equal(a, b) for a, b in zip(before, copies(frame), strict=True))


def test_a_region_that_masks_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="something in it"):
        composite(noise_frame("yuv420p", 64, 48), [region(np.zeros((9, 16), np.uint8))], 0)


def test_a_packed_frame_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="got rgb24"):
        composite(av.VideoFrame(64, 48, "rgb24"), [region(np.ones((9, 16), np.uint8))], 0)


def encoded_clip(n_frames: int) -> bytes:
    """A short H.264 clip in which every frame is predicted from earlier ones."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(n_frames):
            frame = noise_frame("yuv420p", 64, 48)
            for plane in planes_of(frame):
                plane.samples[:] = np.roll(plane.samples, index >> plane.sub_x, axis=1)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def decoded(clip: bytes) -> Iterator[av.VideoFrame]:
    """Its frames one by one: the decoder goes on while a frame is being masked."""
    with av.open(io.BytesIO(clip)) as container:
        yield from container.decode(video=0)

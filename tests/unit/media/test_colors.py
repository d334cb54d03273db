import av
import numpy as np
import pytest

from fearrefactor.media.colors import Colors
from fearrefactor.media.planes import planes_of

COLORS = [(128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (10, 200, 90)]
MATRICES = {1: "ITU709", 5: "ITU601", 7: "SMPTE240M"}


@pytest.mark.parametrize("rgb", COLORS)
@pytest.mark.parametrize("colorspace", MATRICES)
@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p10le"])
def test_a_colour_is_the_one_that_ffmpeg_gives_it(
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
    for level, plane in zip(Colors.of(frame).levels(rgb), planes_of(expected), strict=True):
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
def test_a_colour_of_an_untagged_frame_follows_its_format(
    pix_fmt: str, rgb: tuple[int, int, int], expected: tuple[int, ...]
) -> None:
    assert Colors.of(av.VideoFrame(64, 48, pix_fmt)).levels(rgb) == expected


def test_an_untagged_frame_is_bt601_when_small_and_bt709_when_large() -> None:
    def tagged(width: int, height: int, colorspace: int) -> tuple[int, ...]:
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.colorspace = colorspace
        return Colors.of(frame).levels((200, 30, 60))

    assert tagged(720, 576, 2) == tagged(720, 576, 5) != tagged(720, 576, 1)
    assert tagged(1280, 720, 2) == tagged(1280, 720, 1)


def test_grey_is_grey_in_every_matrix() -> None:
    def chroma(colorspace: int) -> tuple[int, ...]:
        frame = av.VideoFrame(1280, 720, "yuv420p")
        frame.colorspace = colorspace
        return Colors.of(frame).levels((128, 128, 128))[1:]

    assert {chroma(colorspace) for colorspace in (1, 2, 4, 5, 6, 7, 8, 9, 10, 14)} == {(128, 128)}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj444p", "yuv422p10le", "gray", "gbrp12le"])
def test_a_picture_has_the_colours_that_its_pixels_have_one_by_one(pix_fmt: str) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    frame = av.VideoFrame(64, 48, pix_fmt)
    colors, bits = Colors.of(frame), frame.format.components[0].bits
    for plane, samples in enumerate(colors.planes(picture)):
        assert samples.dtype == (np.uint8 if bits == 8 else np.uint16)
        for y, x in np.ndindex(5, 7):
            assert samples[y, x] == colors.levels(tuple(picture[y, x].tolist()))[plane]

import av
import av.filter
import numpy as np
import pytest

from fearrefactor.errors import UnsupportedError
from fearrefactor.media.planes import planes_of, to_planar, working_format

PLANAR = [
    # format, shapes of the planes of a 65 × 47 frame as (height, width), log2 subsampling, largest
    ("yuv420p", [(47, 65), (24, 33), (24, 33)], (1, 1), 255),
    ("yuvj420p", [(47, 65), (24, 33), (24, 33)], (1, 1), 255),
    ("yuv422p10le", [(47, 65), (47, 33), (47, 33)], (1, 0), 1023),
    ("yuv440p12le", [(47, 65), (24, 65), (24, 65)], (0, 1), 4095),
    ("yuv444p12le", [(47, 65), (47, 65), (47, 65)], (0, 0), 4095),
    ("yuv411p", [(47, 65), (47, 17), (47, 17)], (2, 0), 255),
    ("yuv410p", [(47, 65), (12, 17), (12, 17)], (2, 2), 255),
    ("yuv420p16le", [(47, 65), (24, 33), (24, 33)], (1, 1), 65535),
    ("yuva420p", [(47, 65), (24, 33), (24, 33), (47, 65)], (1, 1), 255),
    ("gray", [(47, 65)], (0, 0), 255),
    ("gray10le", [(47, 65)], (0, 0), 1023),
    ("gbrp", [(47, 65)] * 3, (0, 0), 255),
    ("gbrap16le", [(47, 65)] * 4, (0, 0), 65535),
]


@pytest.mark.parametrize(("pix_fmt", "shapes", "sub", "max_value"), PLANAR)
def test_planes_have_their_own_sizes_rounded_up(
    pix_fmt: str, shapes: list[tuple[int, int]], sub: tuple[int, int], max_value: int
) -> None:
    planes = planes_of(av.VideoFrame(65, 47, pix_fmt))
    assert [plane.samples.shape for plane in planes] == shapes
    assert {plane.max_value for plane in planes} == {max_value}
    for plane in planes:
        assert (plane.sub_x, plane.sub_y) == (sub if plane.role == "chroma" else (0, 0))
        assert plane.samples.dtype == (np.uint8 if max_value == 255 else np.uint16)


@pytest.mark.parametrize(
    ("pix_fmt", "roles"),
    [
        ("yuva444p", ["luma", "chroma", "chroma", "alpha"]),
        ("gray16le", ["gray"]),
        ("gbrap", ["rgb", "rgb", "rgb", "alpha"]),
    ],
)
def test_planes_say_what_they_hold(pix_fmt: str, roles: list[str]) -> None:
    assert [plane.role for plane in planes_of(av.VideoFrame(16, 16, pix_fmt))] == roles


@pytest.mark.parametrize("pix_fmt", [row[0] for row in PLANAR])
def test_what_is_written_into_a_view_stands_in_the_frame_and_spares_the_padding(
    pix_fmt: str,
) -> None:
    frame = av.VideoFrame(65, 47, pix_fmt)
    for index, plane in enumerate(planes_of(frame)):
        raw = np.frombuffer(memoryview(frame.planes[index]), np.uint8)
        raw[:] = 7
        plane.samples[:] = plane.max_value
        rows = raw.reshape(-1, frame.planes[index].line_size)
        row_bytes = plane.samples.shape[1] * plane.samples.itemsize
        stored = rows[: len(plane.samples), :row_bytes].copy().view(plane.samples.dtype)
        assert (stored == plane.max_value).all()
        assert (rows[:, row_bytes:] == 7).all()


def test_planar_formats_are_worked_on_as_they_are() -> None:
    for pix_fmt, *_ in PLANAR:
        assert working_format(pix_fmt) == pix_fmt


@pytest.mark.parametrize(
    "pix_fmt", ["gbrpf32le", "grayf32le", "rgb565le", "rgb8", "xyz12le", "cuda", "bayer_rggb8", ""]
)
def test_formats_without_a_planar_twin_have_no_working_format(pix_fmt: str) -> None:
    assert working_format(pix_fmt) is None


def test_a_frame_that_cannot_be_taken_apart_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="got rgb565le"):
        to_planar(av.VideoFrame(16, 16, "rgb565le"))
    with pytest.raises(UnsupportedError, match="got rgb24"):
        planes_of(av.VideoFrame(16, 16, "rgb24"))


def test_a_frame_stored_bottom_up_is_refused() -> None:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=48, format="yuv420p", time_base="1/25")
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame(64, 48, "yuv420p"))
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    with pytest.raises(UnsupportedError, match="bottom-up"):
        planes_of(flipped)


# Where the samples of each colour plane lie in a packed format, in the order of the planar twin:
# (plane, first sample, step), in samples; then what a stored value is shifted by.
PACKED = [
    ("rgb24", "u1", [(0, 1, 3), (0, 2, 3), (0, 0, 3)], 0),
    ("bgr24", "u1", [(0, 1, 3), (0, 0, 3), (0, 2, 3)], 0),
    ("rgb0", "u1", [(0, 1, 4), (0, 2, 4), (0, 0, 4)], 0),
    ("bgr0", "u1", [(0, 1, 4), (0, 0, 4), (0, 2, 4)], 0),
    ("0rgb", "u1", [(0, 2, 4), (0, 3, 4), (0, 1, 4)], 0),
    ("0bgr", "u1", [(0, 2, 4), (0, 1, 4), (0, 3, 4)], 0),
    ("rgba", "u1", [(0, 1, 4), (0, 2, 4), (0, 0, 4), (0, 3, 4)], 0),
    ("bgra", "u1", [(0, 1, 4), (0, 0, 4), (0, 2, 4), (0, 3, 4)], 0),
    ("argb", "u1", [(0, 2, 4), (0, 3, 4), (0, 1, 4), (0, 0, 4)], 0),
    ("abgr", "u1", [(0, 2, 4), (0, 1, 4), (0, 3, 4), (0, 0, 4)], 0),
    ("ya8", "u1", [(0, 0, 2), (0, 0, 2), (0, 0, 2), (0, 1, 2)], 0),
    ("rgb48le", "<u2", [(0, 1, 3), (0, 2, 3), (0, 0, 3)], 0),
    ("bgr48le", "<u2", [(0, 1, 3), (0, 0, 3), (0, 2, 3)], 0),
    ("rgb48be", ">u2", [(0, 1, 3), (0, 2, 3), (0, 0, 3)], 0),
    ("bgr48be", ">u2", [(0, 1, 3), (0, 0, 3), (0, 2, 3)], 0),
    ("rgba64le", "<u2", [(0, 1, 4), (0, 2, 4), (0, 0, 4), (0, 3, 4)], 0),
    ("rgba64be", ">u2", [(0, 1, 4), (0, 2, 4), (0, 0, 4), (0, 3, 4)], 0),
    ("bgra64le", "<u2", [(0, 1, 4), (0, 0, 4), (0, 2, 4), (0, 3, 4)], 0),
    ("bgra64be", ">u2", [(0, 1, 4), (0, 0, 4), (0, 2, 4), (0, 3, 4)], 0),
    ("nv12", "u1", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 0),
    ("nv21", "u1", [(0, 0, 1), (1, 1, 2), (1, 0, 2)], 0),
    ("nv16", "u1", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 0),
    ("nv24", "u1", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 0),
    ("yuyv422", "u1", [(0, 0, 2), (0, 1, 4), (0, 3, 4)], 0),
    ("uyvy422", "u1", [(0, 1, 2), (0, 0, 4), (0, 2, 4)], 0),
    ("p010le", "<u2", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 6),
    ("p210le", "<u2", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 6),
    ("p410le", "<u2", [(0, 0, 1), (1, 0, 2), (1, 1, 2)], 6),
    ("gray16be", ">u2", [(0, 0, 1)], 0),
    ("yuv420p16be", ">u2", [(0, 0, 1), (1, 0, 1), (2, 0, 1)], 0),
]


@pytest.mark.parametrize(
    ("width", "height"),
    # 1366 is a width at which swscale, with more threads than one, corrupts p010
    [(64, 48), (65, 47), (1366, 50)],
)
@pytest.mark.parametrize(("pix_fmt", "dtype", "layout", "shift"), PACKED)
@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_taking_a_frame_apart_changes_no_sample(
    *,
    pix_fmt: str,
    dtype: str,
    layout: list[tuple[int, int, int]],
    shift: int,
    width: int,
    height: int,
    color_range: int,
) -> None:
    rng = np.random.default_rng(3)
    frame = av.VideoFrame(width, height, pix_fmt)
    frame.color_range = color_range
    frame.pts = 41
    stored = []
    for plane in frame.planes:
        raw = np.frombuffer(memoryview(plane), dtype)
        raw[:] = rng.integers(0, np.iinfo(raw.dtype).max + 1, raw.size)
        raw[:] = raw >> shift << shift
        stored.append(raw.reshape(-1, plane.line_size // raw.itemsize))

    planar = to_planar(frame)

    assert planar.pts == 41
    assert planar.color_range == color_range
    for plane, (index, first, step) in zip(planes_of(planar), layout, strict=True):
        rows, columns = plane.samples.shape
        expected = stored[index][:rows, first::step][:, :columns] >> shift
        assert np.array_equal(plane.samples, expected)


def test_a_palette_becomes_the_colours_it_stands_for() -> None:
    rng = np.random.default_rng(4)
    index = rng.integers(0, 256, (47, 65), dtype=np.uint8)
    palette = rng.integers(0, 256, (256, 4), dtype=np.uint8)  # alpha, red, green, blue
    planes = planes_of(to_planar(av.VideoFrame.from_ndarray((index, palette), format="pal8")))
    for plane, channel in zip(planes, (2, 3, 1, 0), strict=True):
        assert np.array_equal(plane.samples, palette[index][:, :, channel])

import base64
import io

import av
import cv2
import numpy as np
import pytest
from noise import PICTURE, as_uri, copies, noise_frame, slope, written
from numpy.typing import NDArray
from synthetic import lying

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.errors import PolicyError
from fearrefactor.media.colors import Colors
from fearrefactor.media.composite import composite
from fearrefactor.media.picture import MAX_PIXELS, check_picture, picture_planes
from fearrefactor.media.planes import planes_of


def as_rgb(uri: str, width: int, height: int, rotation_deg: int = 0) -> NDArray[np.uint8]:
    """What of a background is seen on a frame of this size, ``(height, width, 3)``."""
    frame = av.VideoFrame(width, height, "gbrp")
    effect = Effect(kind="background-image", image=uri, color="#0000ff")
    green, blue, red = picture_planes(effect, Colors.of(frame), planes_of(frame), rotation_deg)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_is_read_as_it_was_written(suffix: str) -> None:
    rgb = slope(48, 64)[..., :3]
    got = as_rgb(as_uri(written(rgb, suffix)), 64, 48)
    assert np.abs(got.astype(int) - rgb).max() <= (8 if suffix == ".jpg" else 1)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_where_a_picture_is_transparent_the_colour_is_seen(suffix: str) -> None:
    rgba = slope(48, 64)
    rgba[:10, :10, 3] = 128
    got = as_rgb(as_uri(written(rgba, suffix)), 64, 48)
    assert (got[26:, 34:] == (0, 0, 255)).all()
    half = rgba[:10, :10, :3] * 0.5 + np.array([0, 0, 127.5])
    assert np.abs(got[:10, :10] - half).max() <= 3


def test_a_transparent_part_lends_no_colour_to_its_neighbours_when_it_is_scaled() -> None:
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[:, 33:] = (0, 0, 255, 255)  # the rest is black, but nobody may see that
    assert np.abs(as_rgb(as_uri(written(rgba)), 30, 30) - np.array([0, 0, 255])).max() <= 1


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90), (61, 33), (400, 300)])
def test_a_background_covers_the_frame_and_is_cut_evenly(width: int, height: int) -> None:
    rgb = np.zeros((60, 60, 3), np.uint8)
    rgb[20:40, 20:40] = (255, 128, 0)
    got = as_rgb(as_uri(written(rgb)), width, height)[..., 0] > 128
    scale = max(width, height) / 60  # a pixel of the picture
    for axis, length in ((1, height), (0, width)):
        seen = np.flatnonzero(got.any(axis=axis))
        assert abs(len(seen) - min(20 * scale, length)) <= scale + 1
        assert abs(seen.mean() - (length - 1) / 2) <= scale


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (1, 1)])
@pytest.mark.parametrize("kind", ["sticker", "background-image"])
def test_a_picture_may_be_a_line_or_a_dot(kind: str, size: tuple[int, int]) -> None:
    image = as_uri(written(np.full((*size, 3), 200, np.uint8)))
    effect = Effect.model_validate({"kind": kind, "image": image})
    for width, height in ((300, 9), (9, 300)):
        frame = noise_frame("yuv420p", width, height)
        before = copies(frame)
        composite(frame, [Region(effect, encode(np.ones((1, 4, 4), np.uint8))[0], 30)], 0)
        for old, new in zip(before, copies(frame), strict=True):
            assert (old != new).mean() > 0.97


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray", "gbrp"])
@pytest.mark.parametrize("kind", ["sticker", "background-image"])
def test_a_picture_stands_upright_in_a_video_that_lies_on_its_side(kind: str, pix_fmt: str) -> None:
    bits = np.zeros((16, 24), np.uint8)
    bits[2:14, 4:20] = 1
    effect = Effect.model_validate({"kind": kind, "image": PICTURE, "color": "#5a8070"})
    regions = [Region(effect, encode(bits[None])[0], 30)]
    for rotation_deg in (90, 180, 270):
        lying, standing = [
            av.VideoFrame.from_ndarray(np.full((*size, 3), 90, np.uint8), format="rgb24").reformat(
                format=pix_fmt
            )
            for size in (((96, 64) if rotation_deg != 180 else (64, 96)), (64, 96))
        ]
        composite(lying, regions, rotation_deg)
        composite(standing, regions, 0)
        back = np.rot90(copies(lying)[0].astype(int), -(rotation_deg // 90))
        deep = 1 << (planes_of(lying)[0].max_value.bit_length() - 8)
        assert np.ptp(back) > 60 * deep
        off = np.abs(back - copies(standing)[0])[4:-4, 4:-4]
        assert np.median(off) <= deep
        assert (off > 4 * deep).mean() < 0.03  # the edge of the transparent part may be 1 px off


def test_a_photograph_is_turned_as_its_camera_was_held() -> None:
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, 40:] = 255
    jpeg = written(rgb, ".jpg")
    turned = as_rgb(as_uri(lying(jpeg), "image/jpeg"), 40, 60)
    assert turned[50:].min() > 200
    assert turned[:30].max() < 50


def test_a_picture_is_decoded_once_for_all_frames() -> None:
    frame = noise_frame("yuv420p", 64, 48)
    effect = Effect(kind="background-image", image=PICTURE)
    one, two = (picture_planes(effect, Colors.of(frame), planes_of(frame), 0) for _ in range(2))
    assert one is two
    assert [plane.shape for plane in one] == [(48, 64), (24, 32), (24, 32)]


#: Of a JPEG of noise a half can be shown; only a decoder that is told to be strict says no.
NOISE = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)


def gif() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="gif") as container:
        stream = container.add_stream("gif", rate=5)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb8"
        container.mux(stream.encode(av.VideoFrame(16, 16, "rgb8")))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("smile.png", "expected its content as data:image/png;base64"),
        ("", "expected its content"),
        ("data:image/png,abc", "expected its content"),
        ("data:image/png;base64,****", "base64 is broken"),
        ("data:image/png;base64,", "expected a PNG, JPEG or WebP file"),
        (as_uri(gif()), "expected a PNG, JPEG or WebP file, it begins b'GIF89a"),
        (as_uri(written(slope(40, 40))[:200]), "cannot be decoded"),
        (as_uri(written(NOISE, ".jpg")[:-900]), "cannot be decoded"),
        (as_uri(written(slope(40, 40), ".webp")[:60]), "cannot be decoded"),
        (as_uri(b"RIFF\x10\x00\x00\x00WAVEfmt "), "cannot be decoded"),
    ],
)
def test_a_picture_that_cannot_be_painted_is_refused_by_name(uri: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=r"^rules\.0\.effect\.image: picture ") as caught:
        check_picture(uri, "rules.0.effect.image")
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_picture_of_more_than_16_megapixels_is_refused_without_decoding_it() -> None:
    largest = np.zeros((4096, 4096), np.uint8)
    assert largest.size == MAX_PIXELS
    check_picture(as_uri(cv2.imencode(".png", largest)[1].tobytes()), "largest")
    header = bytearray(base64.b64decode(PICTURE.partition(",")[2]))
    header[16:24] = (4097).to_bytes(4, "big") + (4096).to_bytes(4, "big")
    with pytest.raises(PolicyError, match="at most 16 megapixels"):
        check_picture(as_uri(bytes(header)), "larger")

"""Pictures of results, from the very frames that were verified."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
import synthetic
from synthetic import luma
from walk import LIMITS, everywhere, expectation, index_of, middle, put_together

from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.errors import FidelityError
from fearrefactor.media.child import _thumbnails
from fearrefactor.media.thumbnails import LONG_SIDE_PX, MOST_BYTES, thumbnail
from fearrefactor.media.verify import Verified, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAGENTA = (255, 0, 255)
MIDDLE = (slice(6, 18), slice(10, 30))
#: The colours of a JPEG at this quality, of a film at crf 23, are so far off at most.
NEAR = 40


def proved(data: bytes, plan: dict[int, Any], frames: Sequence[int]) -> Verified:
    index = index_of(data)
    moments = tuple(Moment(frame, "typical") for frame in frames)
    with TemporaryDirectory() as folder:
        result = put_together(data, index, plan, Path(folder))
        expected = replace(expectation(data, index, plan, mode="sampled"), moments=moments)
        return verify(io.BytesIO(data), result, expected, LIMITS)


def opened(one: Thumbnail) -> NDArray[np.uint8]:
    """``(height_px, width_px, 3)`` RGB, by another decoder than the one that wrote it."""
    with av.open(io.BytesIO(one.jpeg)) as container:
        (frame,) = container.decode(video=0)
    pixels = frame.to_ndarray(format="rgb24").astype(np.uint8)
    assert pixels.shape == (one.height_px, one.width_px, 3)
    return pixels


def cells(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colours in the 24 × 40 cells of ``walk.middle``, which cover the upright frame."""
    small = cv2.resize(pixels, (400, 240), interpolation=cv2.INTER_AREA)
    return small.reshape(24, 10, 40, 10, 3).mean((1, 3))


def is_magenta(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(cells(pixels) - MAGENTA) < NEAR).all(2))


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_a_picture_is_upright_and_shows_the_mask_and_what_is_beside_it(rotation_deg: int) -> None:
    data = synthetic.plain(rotation_deg=rotation_deg)
    index = index_of(data)
    frames = [0, 13, 30]
    proof = proved(data, everywhere(index), frames)
    assert [one.moment.frame for one in proof.thumbnails] == frames
    assert [one.time_s for one in proof.thumbnails] == [index.time_s(frame) for frame in frames]
    for one in proof.thumbnails:
        upright = (index.info.upright_width_px, index.info.upright_height_px)
        assert (one.width_px, one.height_px) == upright
        found = is_magenta(opened(one))
        assert found[MIDDLE][1:-1, 1:-1].all()
        found[MIDDLE] = False
        assert found.sum() <= 10
        coded = np.repeat(luma(one.moment.frame, 160, 96)[:, :, None], 3, 2).astype(np.uint8)
        beside = np.ones((24, 40), bool)
        beside[5:19, 9:31] = False
        before = cells(np.rot90(coded, -rotation_deg // 90))[beside].mean(1)
        after = cells(opened(one))[beside].mean(1)
        assert np.corrcoef(before, after)[0, 1] > 0.95


def test_pixels_that_are_wide_are_shown_wide() -> None:
    data = synthetic.plain(aspect=Fraction(4, 3))
    (one,) = proved(data, everywhere(index_of(data)), [5]).thumbnails
    assert one.width_px == 160
    assert one.width_px / one.height_px == pytest.approx(160 * 4 / 3 / 96, rel=0.03)
    assert is_magenta(opened(one))[MIDDLE][1:-1, 1:-1].all()


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_a_still_is_a_picture_of_itself(kind: str) -> None:
    data = synthetic.image(kind)
    (one,) = proved(data, everywhere(index_of(data)), [0]).thumbnails
    assert is_magenta(opened(one))[MIDDLE][1:-1, 1:-1].all()
    assert not is_magenta(opened(one))[:4].any()


def test_a_photograph_that_lies_on_its_side_is_shown_upright() -> None:
    flat = synthetic.image("mjpeg")
    data = synthetic.lying(flat)
    (one,) = proved(data, everywhere(index_of(data)), [0]).thumbnails
    assert (one.width_px, one.height_px) == (96, 160)
    assert is_magenta(opened(one))[MIDDLE][1:-1, 1:-1].all()
    with av.open(io.BytesIO(flat)) as container:
        source = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(np.uint8)
    far = np.abs(cells(np.rot90(source, -1)) - cells(opened(one))).mean(2)
    far[4:20, 8:32] = 0
    assert far.max() < 12


def test_a_large_frame_is_shrunk_and_a_small_one_is_not_enlarged() -> None:
    info = index_of(synthetic.plain()).info
    sizes = {(1920, 1080): (320, 180), (1080, 1920): (180, 320), (64, 48): (64, 48)}
    for (width, height), shrunk in sizes.items():
        frame = av.VideoFrame(width, height, "yuv420p")
        of_it = info.model_copy(update={"width_px": width, "height_px": height})
        one = thumbnail(frame, of_it, Moment(0, "first"), 0.0)
        assert (one.width_px, one.height_px) == shrunk


def test_no_picture_is_made_of_a_frame_that_is_not_masked() -> None:
    data = synthetic.plain()
    plan = dict.fromkeys(range(14, 20), (middle(),))
    proof = proved(data, plan, [0, 13, 15, 20, 40])
    assert [one.moment.frame for one in proof.thumbnails] == [15]


def test_no_picture_is_made_of_a_frame_that_was_found_to_be_unmasked(tmp_path: Path) -> None:
    data = synthetic.plain()
    index = index_of(data)
    bare = put_together(data, index, dict.fromkeys(range(12), (middle(),)), tmp_path)
    wanted = replace(expectation(data, index, everywhere(index)), moments=(Moment(15, "typical"),))
    with pytest.raises(FidelityError):
        verify(io.BytesIO(data), bare, wanted, LIMITS)


@pytest.mark.parametrize(
    ("told", "jpegs"),
    [
        ([], []),
        ([(3, 64, 48), (6, 64, 48)], [b"\xff\xd8\xff", b"\xff\xd8\xff"]),
        ([(3, 64, LONG_SIDE_PX + 1), (5, 64, 48)], [b"\xff\xd8\xff", b"\xff\xd8\xff"]),
        ([(3, 64, 48), (5, 64, 0)], [b"\xff\xd8\xff", b"\xff\xd8\xff"]),
        ([(3, 64, 48), (5, 64, 48)], [b"\xff\xd8\xff", b"<svg/>"]),
        ([(3, 64, 48), (5, 64, 48)], [b"\xff\xd8\xff", b"\xff\xd8\xff" + bytes(MOST_BYTES)]),
    ],
)
def test_a_parent_takes_only_the_pictures_that_it_asked_for(
    told: list[tuple[int, int, int]], jpegs: list[bytes]
) -> None:
    data = synthetic.plain()
    index = index_of(data)
    moments = (Moment(3, "first"), Moment(5, "typical"))
    asked = replace(expectation(data, index, everywhere(index)), moments=moments)
    with pytest.raises(FidelityError, match=r"pictures of the masked frames \[3, 5\]"):
        _thumbnails(asked, told, jpegs)
    good = [(3, 64, 48), (5, 64, 48)]
    found = _thumbnails(asked, good, [b"\xff\xd8\xff", b"\xff\xd8\xff"])
    assert [one.moment for one in found] == list(moments)

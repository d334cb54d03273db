import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fearrefactor.media.contact_sheet import contact_sheet


def plain(width: int, height: int, rgb: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((height, width, 3), rgb, np.uint8)


def opened(png: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_before_stands_left_and_after_right_in_their_own_colours() -> None:
    sheet = opened(
        contact_sheet([(plain(320, 180, (200, 10, 20)), plain(320, 180, (5, 90, 250)))], ["a"], 600)
    )
    middle = sheet.shape[0] // 2
    assert sheet.shape[1] == 600
    assert sheet[middle, 150].tolist() == [200, 10, 20]
    assert sheet[middle, 450].tolist() == [5, 90, 250]
    assert (sheet[:, :8] == 250).all()
    assert (sheet[:, -8:] == 250).all()


def test_pictures_keep_their_shape() -> None:
    red, blue = plain(100, 200, (255, 0, 0)), plain(100, 200, (0, 0, 255))
    sheet = opened(contact_sheet([(red, blue)], [""], 400))
    is_red = (sheet == (255, 0, 0)).all(axis=2)
    height, width = np.ptp(np.nonzero(is_red), axis=1) + 1
    assert height == 2 * width


def test_each_pair_has_its_row_and_its_caption() -> None:
    pair = (plain(64, 36, (0, 0, 0)), plain(64, 36, (0, 0, 0)))
    one = opened(contact_sheet([pair], ["first"], 500))
    two = opened(contact_sheet([pair, pair], ["first", "second"], 500))
    bare = opened(contact_sheet([pair, pair], ["first", ""], 500))
    assert two.shape[0] > 1.8 * one.shape[0]
    differing = np.flatnonzero((two != bare).any(axis=(1, 2)))
    assert differing.size
    assert differing[0] > one.shape[0] - 30


def test_a_caption_too_long_for_its_row_is_made_smaller() -> None:
    pair = (plain(64, 36, (0, 0, 0)), plain(64, 36, (0, 0, 0)))
    sheet = opened(contact_sheet([pair], ["many words " * 20], 500))
    caption = sheet[:24]
    assert (caption[:, 100:-100] != 250).any()
    assert (caption[:, -14:] == 250).all()


def test_pictures_of_other_kinds_and_counts_are_errors() -> None:
    pair = (plain(64, 36, (0, 0, 0)), plain(64, 36, (0, 0, 0)))
    with pytest.raises(ValueError, match="got 0 for 1 pairs"):
        contact_sheet([pair], [], 500)
    with pytest.raises(ValueError, match="got 0 for 0 pairs"):
        contact_sheet([], [], 500)
    with pytest.raises(ValueError, match="wider than 49 px, got 40"):
        contact_sheet([pair], ["a"], 40)
    with pytest.raises(ValueError, match=r"got \(36, 64\) uint8"):
        contact_sheet([(pair[0][:, :, 0], pair[1])], ["a"], 500)

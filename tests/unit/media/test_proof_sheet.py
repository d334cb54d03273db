from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fearrefactor.media.proof_sheet import Proof, proof_sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain(rgb: tuple[int, int, int], width: int = 200, height: int = 100) -> NDArray[np.uint8]:
    return np.full((height, width, 3), rgb, np.uint8)


def opened(png: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def place_of(sheet: NDArray[np.uint8], rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Top and left of a colour, and how many pixels have it."""
    rows, columns = np.nonzero((sheet == rgb).all(axis=2))
    return int(rows.min()), int(columns.min()), len(rows)


COLOURS = [(200, 10, 20), (10, 200, 20), (10, 20, 200), (90, 90, 10), (10, 90, 90)]


def test_pictures_stand_in_rows_in_their_own_colours() -> None:
    sheet = opened(proof_sheet([Proof(plain(rgb), ("a",)) for rgb in COLOURS], ["head"], 3))
    places = [place_of(sheet, rgb) for rgb in COLOURS]
    assert [n for *_, n in places] == [200 * 100] * 5
    tops, lefts = zip(*[place[:2] for place in places], strict=True)
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4]
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4] < lefts[2]


def test_what_is_dimmed_is_nearly_paper_and_what_is_not_is_as_it_was() -> None:
    dark = plain((0, 0, 0))
    sheet = opened(proof_sheet([Proof(dark, ()), Proof(dark, (), is_dimmed=True)], [], 2))
    assert place_of(sheet, (0, 0, 0))[2] == 200 * 100
    assert place_of(sheet, (150, 150, 150))[2] == 200 * 100


def test_a_warning_stands_across_a_picture_in_a_red_frame() -> None:
    sheet = opened(proof_sheet([Proof(plain((9, 9, 9)), (), warning="SOURCE")], [], 1))
    top, left, _ = place_of(sheet, (200, 0, 0))
    framed = sheet[top : top + 100, left : left + 200]
    assert (framed[[30, 99], 0] == (200, 0, 0)).all()
    assert (framed[99] == (200, 0, 0)).all()
    assert (framed[50, 20:180] == 9).all()
    assert (framed[:20] == 255).all(axis=2).any()


def test_a_long_heading_is_broken_and_a_long_line_is_cut_short() -> None:
    heading, line = "many words " * 40, "x" * 200
    short = opened(proof_sheet([Proof(plain((0, 0, 0)), ("a",))], ["head"], 1))
    sheet = opened(proof_sheet([Proof(plain((0, 0, 0)), (line,))], [heading, line], 1))
    assert sheet.shape[1] == short.shape[1]
    assert sheet.shape[0] > short.shape[0] + 100
    assert (sheet[:, -12:] == 250).all()
    assert (sheet[-50:, 16:216] < 200).any()


def test_pictures_of_several_sizes_or_none_at_all_are_errors() -> None:
    with pytest.raises(ValueError, match="one size"):
        proof_sheet([Proof(plain((0, 0, 0)), ()), Proof(plain((0, 0, 0), 50), ())], [], 2)
    with pytest.raises(ValueError, match="one size"):
        proof_sheet([], [], 2)
    with pytest.raises(ValueError, match="columns"):
        proof_sheet([Proof(plain((0, 0, 0)), ())], [], 0)

"""Some frames on one sheet, with what is to be known of each: for people, before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from fearrefactor.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MARGIN_PX: Final = 16
_LINE_PX: Final = 22
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE: Final = 0.5
_PAPER: Final = 250
_INK: Final = (40, 40, 40)
_FAINT_INK: Final = (110, 110, 110)
_WARNING: Final = (200, 0, 0)
#: What nothing was done to is shown paler, so that the eye goes to the rest.
_DIMMED: Final = 0.4


@dataclass(frozen=True)
class Proof:
    """A picture ``(height, width, 3)`` uint8 RGB, with lines of text below it.

    A ``warning`` stands across its upper edge, in a red frame. ``is_dimmed`` makes it pale.
    """

    picture: NDArray[np.uint8]
    lines: tuple[str, ...]
    is_dimmed: bool = False
    warning: str | None = None


def proof_sheet(proofs: Sequence[Proof], heading: Sequence[str], columns: int) -> bytes:
    """A PNG with rows of so many proofs, in order, below the lines of ``heading``.

    All pictures are of one size.

    Raises:
        ValueError: no proof, no column, or pictures of several sizes.
        MediaError: the PNG cannot be written.
    """
    shapes = {proof.picture.shape for proof in proofs}
    if len(shapes) != 1 or columns < 1:
        raise ValueError(f"expected pictures of one size in 1 or more columns, got {shapes}")
    height, width, _ = shapes.pop()
    n_lines = max(len(proof.lines) for proof in proofs)
    columns = min(columns, len(proofs))
    sheet_width = columns * (width + _MARGIN_PX) + _MARGIN_PX
    told = _wrapped(heading, sheet_width - 2 * _MARGIN_PX)
    top = _MARGIN_PX + len(told) * _LINE_PX + _MARGIN_PX // 2
    step = height + n_lines * _LINE_PX + _MARGIN_PX
    n_rows = -(-len(proofs) // columns)
    sheet = np.full((top + n_rows * step + _MARGIN_PX, sheet_width, 3), _PAPER, np.uint8)
    for number, line in enumerate(told):
        fitted = _fitted(line, sheet_width - 2 * _MARGIN_PX)
        _write(sheet, fitted, _MARGIN_PX, _MARGIN_PX + number * _LINE_PX, _INK)
    for number, proof in enumerate(proofs):
        row, column = divmod(number, columns)
        left = _MARGIN_PX + column * (width + _MARGIN_PX)
        _place(sheet[top + row * step :, left : left + width], proof)
    done, png = cv2.imencode(".png", sheet[:, :, ::-1])
    if not done:
        raise MediaError(f"OpenCV could not write a sheet of {sheet.shape} as PNG")
    return png.tobytes()


def _place(sheet: NDArray[np.uint8], proof: Proof) -> None:
    """Draw a proof at the upper left of a part of the sheet as wide as it is."""
    height, width, _ = proof.picture.shape
    picture = proof.picture
    if proof.is_dimmed:
        picture = (_PAPER + _DIMMED * (picture.astype(np.float32) - _PAPER)).astype(np.uint8)
    sheet[:height] = picture
    if proof.warning is not None:
        sheet[:_LINE_PX] = _WARNING
        cv2.rectangle(sheet, (0, 0), (width - 1, height - 1), _WARNING, 4)
        _write(sheet, proof.warning, 8, 0, (255, 255, 255))
    for number, line in enumerate(proof.lines):
        fitted = _fitted(line, width)
        _write(sheet, fitted, 0, height + number * _LINE_PX, _FAINT_INK if number else _INK)


def _write(
    sheet: NDArray[np.uint8], text: str, left: int, top: int, color: tuple[int, int, int]
) -> None:
    cv2.putText(sheet, text, (left, top + 16), _FONT, _FONT_SCALE, color, 1, cv2.LINE_AA)


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Lines that fit, broken between words; what was broken is indented."""
    told = []
    for line in lines:
        words = line.split(" ")
        begun = words[0]
        for word in words[1:]:
            if _width_of(f"{begun} {word}") <= width:
                begun = f"{begun} {word}"
            else:
                told.append(begun)
                begun = f"    {word}"
        told.append(begun)
    return told


def _fitted(text: str, width: int) -> str:
    """``text``, or as much of its beginning as fits."""
    if _width_of(text) <= width:
        return text
    while text and _width_of(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def _width_of(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    return int(width)

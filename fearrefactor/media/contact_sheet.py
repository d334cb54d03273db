"""A picture of what was done: frames before and after, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fearrefactor.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MARGIN_PX = 16
CAPTION_PX = 28
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.55
_PAPER, _INK = 250, (60, 60, 60)


def contact_sheet(
    pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    captions: Sequence[str],
    width_px: int,
) -> bytes:
    """A PNG of ``width_px`` with a row for each pair (before, after), each under its caption.

    ``pairs``: ``(height, width, 3)`` uint8 RGB pictures of any sizes; ``captions``: one a pair.

    Raises:
        ValueError: no pair, not as many captions as pairs, another kind of array, or a sheet too
            narrow for two pictures.
        MediaError: the PNG cannot be written.
    """
    if not pairs or len(pairs) != len(captions):
        raise ValueError(f"expected a caption a pair, got {len(captions)} for {len(pairs)} pairs")
    picture_width = (width_px - 3 * MARGIN_PX) // 2
    if picture_width < 1:
        raise ValueError(f"expected a sheet wider than {3 * MARGIN_PX + 1} px, got {width_px}")
    rows = [
        _row(pair, caption, width_px, picture_width)
        for pair, caption in zip(pairs, captions, strict=True)
    ]
    foot = np.full((MARGIN_PX, width_px, 3), _PAPER, np.uint8)
    sheet = np.concatenate([*rows, foot])
    done, png = cv2.imencode(".png", sheet[:, :, ::-1])
    if not done:
        raise MediaError(f"OpenCV could not write a contact sheet of {sheet.shape} as PNG")
    return png.tobytes()


def _row(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    caption: str,
    width_px: int,
    picture_width: int,
) -> NDArray[np.uint8]:
    pictures = [_fit(picture, picture_width) for picture in pair]
    height = max(len(picture) for picture in pictures)
    row = np.full((CAPTION_PX + height + MARGIN_PX // 2, width_px, 3), _PAPER, np.uint8)
    left = MARGIN_PX
    for picture in pictures:
        row[CAPTION_PX : CAPTION_PX + len(picture), left : left + picture_width] = picture
        left += picture_width + MARGIN_PX
    written, _ = cv2.getTextSize(caption, _FONT, _FONT_SCALE, 1)
    scale = _FONT_SCALE * min(1.0, (width_px - 2 * MARGIN_PX) / max(written[0], 1))
    cv2.putText(row, caption, (MARGIN_PX, CAPTION_PX - 9), _FONT, scale, _INK, 1, cv2.LINE_AA)
    return row


def _fit(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(f"expected (h, w, 3) uint8 RGB, got {picture.shape} {picture.dtype}")
    height = max(round(picture.shape[0] * width / picture.shape[1]), 1)
    way = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)

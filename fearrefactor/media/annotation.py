"""What people have drawn, and what the renderer would mask, as pixels that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fearrefactor.errors import MediaError
from fearrefactor.media.stencil import cut

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.rle import Mask
    from fearrefactor.core.video import VideoInfo


def read_annotation(path: Path) -> NDArray[np.bool_]:
    """``(height, width)`` bool of a PNG: where it is not black, whatever its colour or depth.

    Raises:
        MediaError: the file is missing, or is no picture.
    """
    if not path.is_file():
        raise MediaError(f"there is no annotation {path}", code="not_a_video")
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise MediaError(f"annotation {path} is no picture that can be read", code="not_a_video")
    if pixels.ndim == 2:
        return np.asarray(pixels != 0)
    return np.asarray((pixels[:, :, :3] != 0).any(axis=2))  # a fourth channel is transparency


def inside(mask: Mask, info: VideoInfo) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Rows and columns of the coded frame, and which pixels of them the renderer would mask.

    A mask without a cell in it gives an empty rectangle.
    """
    if not mask.area():
        return slice(0, 0), slice(0, 0), np.zeros((0, 0), bool)
    stencil = cut(mask, info.rotation_deg, info.width_px, info.height_px)
    height, width = stencil.inside.shape
    rows = slice(stencil.top, stencil.top + height)
    return rows, slice(stencil.left, stencil.left + width), stencil.inside


def outlined(mask: Mask, info: VideoInfo) -> NDArray[np.uint8]:
    """``(height, width)`` uint8 of 0 and 1 on the coded frame: the model's own outline.

    It lies half-way between cells in the mask and beside it, where the renderer's lies outside it.
    """
    cells = np.ascontiguousarray(np.rot90(mask.bits(), info.rotation_deg // 90))
    size = (info.width_px, info.height_px)
    values = cv2.resize(cells * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(values > 127, np.uint8)

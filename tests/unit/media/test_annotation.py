from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from values import video_info

from fearrefactor.core.rle import encode
from fearrefactor.errors import MediaError
from fearrefactor.media.annotation import inside, outlined, read_annotation

if TYPE_CHECKING:
    from pathlib import Path


def test_an_annotation_is_what_is_not_black_whatever_its_depth_and_transparency(
    tmp_path: Path,
) -> None:
    here = np.zeros((6, 8), bool)
    here[2:4, 1:5] = True
    path = tmp_path / "0.png"
    faint = here.astype(np.uint8)
    opaque = np.full((6, 8), 255, np.uint8)
    for pixels in (faint, faint.astype(np.uint16), np.stack([faint, 0 * faint, faint, opaque], 2)):
        cv2.imwrite(str(path), pixels)
        assert np.array_equal(read_annotation(path), here)
    path.write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"0\.png is no picture"):
        read_annotation(path)
    with pytest.raises(MediaError, match=r"there is no annotation .*1\.png"):
        read_annotation(tmp_path / "1.png")


def test_a_mask_without_a_cell_masks_no_pixel() -> None:
    (empty,) = encode(np.zeros((1, 24, 40), np.uint8))
    area = np.ones((96, 160), bool)
    rows, columns, where = inside(empty, video_info(width_px=160, height_px=96))
    assert area[rows, columns].shape == where.shape == (0, 0)


def test_the_models_outline_lies_on_the_cells_edge_and_the_renderers_outside_it() -> None:
    cells = np.zeros((1, 24, 40), np.uint8)
    cells[0, 6:12, 10:20] = 1
    (mask,) = encode(cells)
    exact = np.zeros((96, 160), np.uint8)
    exact[24:48, 40:80] = 1
    info = video_info(width_px=160, height_px=96)
    drawn = outlined(mask, info)
    assert np.count_nonzero(drawn != exact) <= 4  # corners are rounded
    area = np.zeros((96, 160), bool)
    rows, columns, where = inside(mask, info)
    area[rows, columns] = where
    assert area[drawn > 0].all()
    assert area.sum() > drawn.sum()
    turned = outlined(mask, video_info(width_px=96, height_px=160, rotation_deg=90))
    assert np.array_equal(np.rot90(turned, -1), drawn)

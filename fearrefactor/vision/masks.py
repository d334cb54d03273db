"""Masks at a quarter of the model's input: from prototypes, or from boxes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from fearrefactor.core.letterbox import CELL

if TYPE_CHECKING:
    from numpy.typing import NDArray


def from_prototypes(
    coefficients: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    boxes: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """``(k, 32)`` coefficients and ``(32, h, w)`` prototypes to ``(k, h, w)`` masks of 0 and 1.

    As Ultralytics' ``process_mask``: the sign of the product, cropped to the box.
    """
    n_prototypes, height, width = prototypes.shape
    logits = coefficients @ prototypes.reshape(n_prototypes, -1)
    return crop(logits.reshape(-1, height, width) > 0, boxes)


def crop(inside: NDArray[np.bool_], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """``(k, h, w)`` cells to uint8, nothing left outside the ``(k, 4)`` boxes in input pixels.

    A cell that its box touches stays: a mask may be a cell too wide, never too narrow.
    """
    out = np.zeros(inside.shape, np.uint8)
    for index, (left, top, right, bottom) in enumerate(_cells(boxes, *inside.shape[1:])):
        out[index, top:bottom, left:right] = inside[index, top:bottom, left:right]
    return out


def ellipses(boxes: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """The ellipse in each ``(k, 4)`` box in input pixels, as ``(k, height, width)`` cells.

    It is grown by half a cell, so that every cell whose centre it nearly reaches is in it.
    """
    centre = (boxes[:, :2] + boxes[:, 2:])[:, :, None] / (2 * CELL)
    radius = ((boxes[:, 2:] - boxes[:, :2])[:, :, None] / CELL + 1) / 2
    across = ((np.arange(width) + 0.5 - centre[:, 0]) / radius[:, 0]) ** 2
    down = ((np.arange(height) + 0.5 - centre[:, 1]) / radius[:, 1]) ** 2
    return crop(down[:, :, None] + across[:, None, :] <= 1, boxes)


def _cells(boxes: NDArray[np.float32], height: int, width: int) -> list[list[int]]:
    limits = np.array([width, height, width, height])
    cells = np.concatenate([np.floor(boxes[:, :2] / CELL), np.ceil(boxes[:, 2:] / CELL)], axis=1)
    return cast("list[list[int]]", cells.clip(0, limits).astype(np.int64).tolist())

"""Boxes as heads write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def corners(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(n, 4)`` centre and size to ``(n, 4)`` xyxy."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)

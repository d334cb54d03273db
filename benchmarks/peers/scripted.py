"""What a network is made to have seen: the thing whose mark is in its input.

Random weights cost what trained ones do and see nothing. So the network runs, and then the one
answer that a trained one would have given is written into its raw outputs, in front of all that a
peer does with them. Needs numpy only.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

#: As in ``clips.py``, of the picture's width and height.
HALF_AXES: Final = (0.14, 0.1 / (math.pi * 0.14))
SCORE: Final = 0.9
CELL: Final = 4
#: Of a prototype: surely inside, surely not.
LOGIT: Final = 8.0


def marked_at(row: np.ndarray) -> float | None:
    """Where along the middle row ``(width, 3)`` of an input, RGB 0 to 255, the mark is; or None."""
    found = np.flatnonzero((row[:, 0] > 170) & (row[:, 1] < 100) & (row[:, 2] > 170))
    return float(found.mean()) + 0.5 if len(found) >= 4 else None


def box_at(x: float, width: int, height: int) -> list[float]:
    """Xyxy of the thing in an input of a 16:9 picture that fills its width."""
    across, down = HALF_AXES[0] * width, HALF_AXES[1] * width * 9 / 16
    return [x - across, height / 2 - down, x + across, height / 2 + down]


def ellipse(box: list[float], width: int, height: int) -> np.ndarray:
    """``(height / 4, width / 4)`` float32 logits of a mask: the ellipse in a box."""
    left, top, right, bottom = box
    across = (np.arange(width // CELL) + 0.5) * CELL
    down = (np.arange(height // CELL) + 0.5) * CELL
    inside = ((across - (left + right) / 2) / ((right - left) / 2))[None] ** 2
    inside = inside + ((down - (top + bottom) / 2) / ((bottom - top) / 2))[:, None] ** 2
    return np.where(inside <= 1, LOGIT, -LOGIT).astype(np.float32)


def write_into(predictions: Any, prototypes: Any, images: Any) -> None:
    """Replace what a network said of ``(1, 3, height, width)`` images, RGB 0 to 1.

    ``predictions``: ``(1, 300, 38)`` rows of box, score, class and 32 coefficients (YOLO26), or
    ``(1, 116, n)`` columns of a centre, a size, 80 scores and 32 coefficients (YOLO11).
    ``prototypes``: ``(1, 32, height / 4, width / 4)``. All tensors of torch.
    """
    height, width = images.shape[2:]
    is_end_to_end = predictions.shape[2] == 38
    if is_end_to_end:
        predictions[0, :, 4] = 0
    else:
        predictions[0, 4:84] = 0
    row = (images[0, :, height // 2, :].T * 255).cpu().numpy()
    x = marked_at(row)
    if x is None:
        return
    left, top, right, bottom = box = box_at(x, width, height)
    if is_end_to_end:
        told = [*box, SCORE, 0.0, 1.0, *[0.0] * 31]
        predictions[0, 0] = predictions.new_tensor(told)
    else:
        place = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        predictions[0, :, 0] = predictions.new_tensor([*place, SCORE, *[0.0] * 79, 1, *[0.0] * 31])
    prototypes[0, 0] = prototypes.new_tensor(ellipse(box, width, height))

"""How an upright frame sits inside the model's input.

The picture is scaled, keeping its display aspect, and padded to the model's stride. Two laws make
masks simple: the scaled picture and its padding are whole mask cells (multiples of ``CELL``), so a
mask cropped to the picture covers the frame exactly, edge to edge. The price is a change of aspect
of at most half a cell, 0.3 % of a 640-pixel side.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL = 4
STRIDE = 32
PAD_VALUE = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture of ``width`` × ``height`` at (``left``, ``top``) in an input of ``input_*``.

    All in input pixels. ``frame_width_px`` and ``frame_height_px`` are the upright source's.
    """

    frame_width_px: int
    frame_height_px: int
    input_width: int
    input_height: int
    width: int
    height: int
    left: int
    top: int

    def as_dict(self) -> dict[str, int]:
        """Its fields by name."""
        return asdict(self)

    def boxes_to_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, 4)`` xyxy in input pixels to upright source pixels, clipped to the frame."""
        scale_x = self.frame_width_px / self.width
        scale_y = self.frame_height_px / self.height
        out = np.empty_like(boxes)
        out[:, 0::2] = ((boxes[:, 0::2] - self.left) * scale_x).clip(0, self.frame_width_px)
        out[:, 1::2] = ((boxes[:, 1::2] - self.top) * scale_y).clip(0, self.frame_height_px)
        return out

    def crop_masks(self, masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``(n, input_height / c, input_width / c)`` masks to the part that is picture.

        ``c`` is 4 for prototype masks, 1 for masks at the input's own resolution.
        """
        cell = self.input_height // masks.shape[1]
        top, left = self.top // cell, self.left // cell
        return masks[:, top : top + self.height // cell, left : left + self.width // cell]


def fit(
    frame_width_px: int, frame_height_px: int, display_aspect: float, long_side: int
) -> Letterbox:
    """Place an upright frame, shown at ``display_aspect``, into an input of ``long_side`` pixels.

    The shorter input side is the smallest multiple of ``STRIDE`` that holds the picture.
    """
    if display_aspect >= 1:
        width, height = long_side, _cells(long_side / display_aspect)
    else:
        width, height = _cells(long_side * display_aspect), long_side
    input_width, input_height = _up(width), _up(height)
    return Letterbox(
        frame_width_px=frame_width_px,
        frame_height_px=frame_height_px,
        input_width=input_width,
        input_height=input_height,
        width=width,
        height=height,
        left=(input_width - width) // (2 * CELL) * CELL,
        top=(input_height - height) // (2 * CELL) * CELL,
    )


def _cells(length: float) -> int:
    return max(CELL, round(length / CELL) * CELL)


def _up(length: int) -> int:
    return -(-length // STRIDE) * STRIDE

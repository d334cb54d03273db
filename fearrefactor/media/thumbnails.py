"""Small pictures of frames that were verified, as JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.letterbox import CELL, fit
from fearrefactor.core.thumbnail import Thumbnail
from fearrefactor.media.decode import shrink
from fearrefactor.media.jpeg import as_jpeg

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from fearrefactor.core.thumbnail import Moment
    from fearrefactor.core.video import VideoInfo

#: Neither side of a picture is longer.
LONG_SIDE_PX: Final = 320
#: More than any JPEG of that size has at this quality.
MOST_BYTES: Final = 1 << 20


def thumbnail(frame: VideoFrame, info: VideoInfo, moment: Moment, time_s: float) -> Thumbnail:
    """A frame upright, in the shape in which it is shown, with the colours that the model sees.

    ``info`` is of the file that ``frame`` was decoded from. What is small is not enlarged.

    Raises:
        MediaError: it cannot be written as JPEG.
    """
    longest_px = max(info.upright_width_px, info.upright_height_px)
    long_side = min(LONG_SIDE_PX, -(-longest_px // CELL) * CELL)
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, long_side)
    pixels = np.empty((box.input_height, box.input_width, 3), np.uint8)
    shrink(frame, box, info.rotation_deg, pixels)
    picture = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    return Thumbnail(moment, time_s, box.width, box.height, as_jpeg(picture))

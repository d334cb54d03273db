"""A still picture as a model sees it, read in this very process: for files that are trusted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.letterbox import fit
from fearrefactor.core.settings import CutSettings, Limits
from fearrefactor.errors import MediaError
from fearrefactor.media.decode import segment_frames, shrink
from fearrefactor.media.index import index_source

if TYPE_CHECKING:
    from numpy.typing import NDArray


def letterboxed(data: bytes, long_side: int) -> NDArray[np.uint8]:
    """``(h, w, 3)`` uint8 RGB, the longer side ``long_side`` pixels, both multiples of 32.

    Raises:
        MediaError: it is no picture.
    """
    index = index_source(io.BytesIO(data), Limits(), CutSettings())
    info = index.info
    if index.n_frames != 1:
        raise MediaError(f"expected one picture, got a video of {index.n_frames} frames")
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, long_side)
    pixels = np.empty((box.input_height, box.input_width, 3), np.uint8)
    for _, frame in segment_frames(io.BytesIO(data), index.tasks()[0]):
        shrink(frame, box, info.rotation_deg, pixels)
    return pixels

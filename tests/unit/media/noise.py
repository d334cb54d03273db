"""Frames of noise: no two neighbours alike, so that any effect must show and any slip is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.media.planes import planes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise_frame(pix_fmt: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    """A frame of independent random samples over the whole range of its format."""
    rng = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane in planes_of(frame):
        plane.samples[:] = rng.integers(0, plane.max_value + 1, plane.samples.shape)
    return frame


def copies(frame: av.VideoFrame) -> list[NDArray[np.uint16]]:
    """The planes' samples as they are now."""
    return [plane.samples.astype(np.uint16) for plane in planes_of(frame)]


def region(
    bits: NDArray[np.uint8], kind: str = "fill", size_px: float = 16.0, color: str = "#808080"
) -> Region:
    """A region of ``bits``, masked at the usual strength."""
    effect = Effect.model_validate({"kind": kind, "color": color})
    return Region(effect=effect, mask=encode(np.ascontiguousarray(bits)[None])[0], size_px=size_px)


def nearest(bits: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
    """``bits`` at ``height`` × ``width``: true where a pixel's centre lies in a set cell."""
    rows = (2 * np.arange(height) + 1) * bits.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * bits.shape[1] // (2 * width)
    return bits[rows][:, columns].astype(bool)

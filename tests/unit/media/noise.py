"""Frames of noise: no two neighbours alike, so that any effect must show and any slip is seen."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import PICTURED, Effect
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


def as_uri(content: bytes, media_type: str = "image/png") -> str:
    """A file as a ``data:`` URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def written(rgba: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    """``(height, width, 3 or 4)`` RGB or RGBA as a file."""
    done, content = cv2.imencode(suffix, np.concatenate([rgba[..., 2::-1], rgba[..., 3:]], axis=2))
    assert done
    return content.tobytes()


def copies(frame: av.VideoFrame) -> list[NDArray[np.uint16]]:
    """The planes' samples as they are now."""
    return [plane.samples.astype(np.uint16) for plane in planes_of(frame)]


def region(
    bits: NDArray[np.uint8],
    kind: str = "fill",
    size_px: float = 16.0,
    color: str = "#808080",
    feather: float = 0.0,
) -> Region:
    """A region of ``bits``, masked at the usual strength, with ``PICTURE`` where one is needed."""
    image = PICTURE if kind in PICTURED else None
    effect = Effect.model_validate(
        {"kind": kind, "color": color, "feather": feather, "image": image}
    )
    return Region(effect=effect, mask=encode(np.ascontiguousarray(bits)[None])[0], size_px=size_px)


def nearest(bits: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
    """``bits`` at ``height`` × ``width``: true where a pixel's centre lies in a set cell."""
    rows = (2 * np.arange(height) + 1) * bits.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * bits.shape[1] // (2 * width)
    return bits[rows][:, columns].astype(bool)


def slope(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth RGBA picture whose lower right quarter is transparent: it can be told from noise."""
    rgba = np.full((height, width, 4), 255, np.uint8)
    rgba[..., 0] = np.linspace(40, 220, width, dtype=np.uint8)
    rgba[..., 1] = np.linspace(200, 60, height, dtype=np.uint8)[:, None]
    rgba[..., 2] = np.linspace(90, 160, width, dtype=np.uint8)
    rgba[height // 2 :, width // 2 :, 3] = 0
    return rgba


PICTURE = as_uri(written(slope(48, 64)))

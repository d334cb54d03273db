"""Decoded planes to the model's input, on the device that holds them.

What ``media.decode.shrink`` has swscale do, as two matrix products a plane: each row of a matrix
holds the weights of the samples that make one pixel. The model is to see one and the same picture
on a GPU and on a CPU, so swscale's habits are kept, the odd ones too. They were measured, and are
named where they stand.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import pad
from torch.utils.dlpack import from_dlpack

from fearrefactor.core.letterbox import PAD_VALUE
from fearrefactor.core.planes import DEPTH
from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.planes import PlanarFrame

#: Weights of red and blue in luma by AVColorSpace. What is not named is BT.601 to swscale.
_BT601: Final = (0.299, 0.114)
_WEIGHTS: Final = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
#: How much darker swscale's rounding makes all colours, in levels of 255: where it scales and where
#: it does not, in limited range and in full.
_DARKER: Final = {(True, False): 1.6, (True, True): -0.7, (False, False): 0.6, (False, True): 0.0}


@dataclass(frozen=True)
class DevicePictures:
    """Frames at the model's size.

    ``on_device``: ``(n, H, W, 3)`` uint8 RGB, letterboxed and upright; ``checksums``: ``(n,)``
    uint32, CRC-32 of the luma samples as they were decoded.
    """

    on_device: torch.Tensor
    checksums: NDArray[np.uint32]

    def on_host(self) -> NDArray[np.uint8]:
        """The same pixels in this process's memory."""
        return np.asarray(self.on_device.cpu().numpy(), np.uint8)


class Shrinker:
    """Shrinks frames on ``device``. Many threads may call it.

    The products are of half precision on a GPU: a sample is exact in it, and a weight nearly.
    """

    def __init__(self, device: str, dtype: torch.dtype | None = None) -> None:
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        self._dtype = dtype or (torch.float16 if on_gpu else torch.float32)

    def enter(self) -> None:
        """Give this thread the device's CUDA context, for whoever decodes in it."""
        torch.zeros(1, device=self._device)

    def __call__(
        self, frames: Sequence[PlanarFrame], box: Letterbox, rotation_deg: int
    ) -> DevicePictures:
        """Frames of one video, alike in size, layout and colours, as the model takes them.

        Raises:
            ModelError: the device cannot do it.
        """
        try:
            with torch.inference_mode():
                luma, *chroma = self._planes(frames)
                pixels = self._rgb(frames[0], luma, chroma, box, rotation_deg)
                return DevicePictures(_framed(pixels, box, rotation_deg), _checksums(luma))
        except (RuntimeError, TypeError, BufferError) as error:
            raise ModelError(
                f"{len(frames)} frames of {frames[0].width_px} × {frames[0].height_px} "
                f"{frames[0].layout} cannot be shrunk on {self._device}: {error}"
            ) from error

    def _planes(self, frames: Sequence[PlanarFrame]) -> list[torch.Tensor]:
        """Luma and chroma ``(n, h, w)``: as stored, but shifted down; copies, one a plane.

        A decoder on a GPU has few surfaces: it has them back as soon as they are copied.
        """
        first = frames[0]
        together = [
            torch.stack([_tensor(plane).to(self._device) for plane in planes])
            for planes in zip(*(frame.planes for frame in frames), strict=True)
        ]
        shift = DEPTH[first.layout][1]
        if shift:  # of 16 bits: what looks negative is not
            together = [((plane.int() & 0xFFFF) >> shift).short() for plane in together]
        if len(together) == 2:
            return [together[0], together[1][..., 0], together[1][..., 1]]
        return together

    def _rgb(
        self,
        frame: PlanarFrame,
        luma: torch.Tensor,
        chroma: list[torch.Tensor],
        box: Letterbox,
        rotation_deg: int,
    ) -> torch.Tensor:
        """``(n, 3, h, w)`` float32, whole levels, not yet turned upright."""
        turned = rotation_deg in {90, 270}
        width, height = (box.height, box.width) if turned else (box.width, box.height)
        bits = DEPTH[frame.layout][0]
        unscaled = bits == 8 and (width, height) == (frame.width_px, frame.height_px)
        y = self._resampled(luma, _weights(luma.shape[1], height), _weights(luma.shape[2], width))
        down = _weights(chroma[0].shape[1], height, nearest=unscaled)
        # swscale has one colour for two pixels across, and takes chroma to lie on the left one
        across = _weights(chroma[0].shape[2], width // 2, nearest=unscaled, is_left=True)
        across = across.repeat(2, 0)
        u, v = (self._resampled(plane, down, across) for plane in chroma)
        scale = 1 / (1 << (bits - 8))
        y, u, v = y * scale, u * scale - 128, v * scale - 128
        darker = _DARKER[not unscaled, frame.full_range]
        if not frame.full_range:
            y, u, v = (y - 16) * (255 / 219), u * (255 / 224), v * (255 / 224)
        red, blue = _WEIGHTS.get(frame.colorspace, _BT601)
        from_v, from_u = 2 * (1 - red), 2 * (1 - blue)
        green = y - (red * from_v * v + blue * from_u * u) / (1 - red - blue)
        rgb = torch.stack([y + from_v * v, green, y + from_u * u], 1)
        return (rgb - darker).floor().clamp(0, 255)

    def _resampled(
        self, planes: torch.Tensor, down: NDArray[np.float32], across: NDArray[np.float32]
    ) -> torch.Tensor:
        wide = planes.to(self._dtype) @ self._sent(across).T
        return (self._sent(down) @ wide).float()

    def _sent(self, weights: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(weights).to(self._device, self._dtype)


def _framed(pixels: torch.Tensor, box: Letterbox, rotation_deg: int) -> torch.Tensor:
    """Pictures ``(n, 3, h, w)`` upright and letterboxed, as ``(n, H, W, 3)`` uint8."""
    upright = torch.rot90(pixels, -rotation_deg // 90, (2, 3))
    right = box.input_width - box.width - box.left
    below = box.input_height - box.height - box.top
    framed = pad(upright, (box.left, right, box.top, below), value=PAD_VALUE)
    return framed.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _tensor(plane: Any) -> torch.Tensor:
    """A plane without a copy. PyAV hands planes on a device out for no stream but the default."""
    tensor = from_dlpack(plane.__dlpack__())
    return tensor.view(torch.int16) if tensor.dtype == torch.uint16 else tensor


def _checksums(luma: torch.Tensor) -> NDArray[np.uint32]:
    samples = luma.cpu().numpy()
    return np.array([zlib.crc32(frame.data) for frame in samples], np.uint32)


@lru_cache(maxsize=64)
def _weights(
    n_in: int, n_out: int, *, nearest: bool = False, is_left: bool = False
) -> NDArray[np.float32]:
    """``(n_out, n_in)``: what each sample gives to each pixel; rows add up to 1.

    A triangle over the two nearest samples, as much wider as there are more samples than pixels.
    ``is_left``: samples lie a quarter of their distance further left, as MPEG-2's chroma does.
    """
    ratio = n_in / n_out
    centre = (np.arange(n_out) + 0.5) * ratio - 0.5
    if nearest:
        centre = centre.round()
    elif is_left:
        centre += 0.25
    distance = np.abs(np.arange(n_in)[None] - centre[:, None])
    weights = np.clip(1 - distance / max(1.0 if nearest else ratio, 1.0), 0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)

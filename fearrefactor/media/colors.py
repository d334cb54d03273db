"""Colours as the samples of a frame: which matrix, which range, how many bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from fearrefactor.media.planes import Samples

# Weights of red and blue in luma, by FFmpeg's AVColorSpace (ITU-T H.273, MatrixCoefficients). A
# matrix that is not named here is taken for the usual one: the tint is then off, nothing shows.
_BT601, _BT709, _BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
_WEIGHTS = {
    1: _BT709,
    4: (0.30, 0.11),
    5: _BT601,
    6: _BT601,
    7: (0.212, 0.087),
    9: _BT2020,
    10: _BT2020,
}
_LIMITED, _FULL = 1, 2  # AVColorRange


@dataclass(frozen=True, slots=True)
class Colors:
    """What the samples of a frame mean, by the frame's own tags.

    ``model`` says what its planes hold, ``bits`` how many each sample has; ``weights`` are those of
    red and blue in luma.
    """

    model: str
    bits: int
    weights: tuple[float, float]
    full_range: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """Those of a frame in a working format.

        Where its tags are silent, pictures of up to 576 rows are BT.601 and larger ones BT.709,
        grey is full range and YUV limited.
        """
        name = frame.format.name
        model = next((kind for kind in ("gbr", "gray") if name.startswith(kind)), "yuv")
        usual = _BT601 if min(frame.width, frame.height) <= 576 else _BT709
        color_range = int(frame.color_range)
        return cls(
            model=model,
            bits=frame.format.components[0].bits,
            weights=_WEIGHTS.get(int(frame.colorspace), usual),
            full_range=color_range == _FULL
            or (color_range != _LIMITED and name.startswith(("yuvj", "gray"))),
        )

    def planes(self, rgb: NDArray[np.uint8]) -> tuple[Samples, ...]:
        """8-bit colours ``(..., 3)`` as samples ``(...)``, for each plane but alpha in its order.

        Chroma comes at full resolution.
        """
        top = (1 << self.bits) - 1
        red, green, blue = np.moveaxis(rgb.astype(np.float32) / 255, -1, 0)
        if self.model == "gbr":
            return tuple(self._rounded(part * top) for part in (green, blue, red))
        weight_red, weight_blue = self.weights
        luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
        black, luma_span, chroma_span = 0, top, top
        if not self.full_range:
            black, luma_span, chroma_span = (part << (self.bits - 8) for part in (16, 219, 224))
        grey = self._rounded(black + luma * luma_span)
        if self.model == "gray":
            return (grey,)
        middle = 1 << (self.bits - 1)
        differences = (blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red)
        return grey, *(self._rounded(middle + part * chroma_span) for part in differences)

    def levels(self, rgb: tuple[int, int, int]) -> tuple[int, ...]:
        """An 8-bit colour as one sample value for each plane but alpha, in their order."""
        return _levels(self, rgb)

    def _rounded(self, values: NDArray[np.float32]) -> Samples:
        top = (1 << self.bits) - 1
        return np.clip(np.rint(values), 0, top).astype(np.uint8 if self.bits <= 8 else "<u2")


@lru_cache(maxsize=64)  # a video asks for the same few in every frame
def _levels(colors: Colors, rgb: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(int(plane) for plane in colors.planes(np.array(rgb, np.uint8)))

"""Fill: one colour. The only effect of which nothing can be computed back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

    from fearrefactor.media.effects.brush import Brush
    from fearrefactor.media.planes import Plane
    from fearrefactor.media.stencil import Stencil

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


def apply(plane: Plane, stencil: Stencil, brush: Brush) -> None:
    """Set the samples inside the stencil to ``brush.level``; see ``Apply``."""
    stencil.paint(plane, brush.level)


def levels(rgb: tuple[int, int, int], frame: av.VideoFrame) -> tuple[int, ...]:
    """An 8-bit colour as sample values, one for each plane of the frame but alpha, in their order.

    The frame's own tags say which matrix and range; where they are silent, pictures of up to 576
    rows are BT.601 and larger ones BT.709, grey is full range and YUV limited.
    """
    name = frame.format.name
    bits = frame.format.components[0].bits
    top = (1 << bits) - 1
    red, green, blue = (value / 255 for value in rgb)
    if name.startswith("gbr"):
        return tuple(round(value * top) for value in (green, blue, red))
    usual = _BT601 if min(frame.width, frame.height) <= 576 else _BT709
    weight_red, weight_blue = _WEIGHTS.get(int(frame.colorspace), usual)
    luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
    if _is_full_range(name, int(frame.color_range)):
        black, luma_span, chroma_span = 0, top, top
    else:
        black, luma_span, chroma_span = (part << (bits - 8) for part in (16, 219, 224))
    grey = round(black + luma * luma_span)
    if name.startswith("gray"):
        return (grey,)
    differences = (blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red)
    middle = 1 << (bits - 1)
    return grey, *(min(round(middle + part * chroma_span), top) for part in differences)


def _is_full_range(pix_fmt: str, color_range: int) -> bool:
    if color_range in {_LIMITED, _FULL}:
        return color_range == _FULL
    return pix_fmt.startswith(("yuvj", "gray"))

"""A decoded frame as its planes, wherever they lie: in this machine's memory or on a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Layout = Literal["yuv420p", "yuv420p10le", "nv12", "p010le"]

#: Bits of a sample, and how far it is shifted up within its two bytes.
DEPTH: Final[dict[Layout, tuple[int, int]]] = {
    "yuv420p": (8, 0),
    "nv12": (8, 0),
    "yuv420p10le": (10, 0),
    "p010le": (10, 6),
}


@dataclass(frozen=True)
class PlanarFrame:
    """One frame of ``width_px`` × ``height_px``, as it was coded, 4:2:0.

    ``planes``: objects that speak DLPack, without a stream: luma ``(h, w)``, then two of chroma
    ``(h / 2, w / 2)`` or one ``(h / 2, w / 2, 2)``. ``frame``: its index in the video;
    ``colorspace``: FFmpeg's ``AVColorSpace``, 2 where the stream names none.
    """

    frame: int
    planes: tuple[Any, ...]
    layout: Layout
    width_px: int
    height_px: int
    colorspace: int
    full_range: bool

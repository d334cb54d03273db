"""Views of a frame's planes as arrays, and the planar format in which a frame is composited.

Effects are written into the planes that the decoder gave, never into an RGB copy: a YUV picture
that goes through RGB and back shifts its colours everywhere, one that does not stays bit-exact
outside the mask. Packed and semi-planar formats are first taken apart into a planar twin that
holds the same samples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from av.video.format import VideoFormat

from fearrefactor.errors import UnsupportedError

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

Role = Literal["luma", "chroma", "rgb", "alpha", "gray"]

_PLANAR = re.compile(
    r"(?:yuvj?4(?:20|22|40|44|11|10)p|yuva4(?:20|22|44)p|gray|gbra?p)(?:(?:9|10|12|14|16)le)?"
)

#: Formats whose samples lie in other places than in their planar twin, and are the same samples.
_TWINS = {
    **dict.fromkeys(("rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr"), "gbrp"),
    **dict.fromkeys(("rgba", "bgra", "argb", "abgr", "pal8", "ya8"), "gbrap"),
    **dict.fromkeys(("rgb48le", "bgr48le", "rgb48be", "bgr48be"), "gbrp16le"),
    **dict.fromkeys(("rgba64le", "bgra64le", "rgba64be", "bgra64be"), "gbrap16le"),
    **dict.fromkeys(("monob", "monow"), "gray"),
    **dict.fromkeys(("nv12", "nv21"), "yuv420p"),
    **dict.fromkeys(("nv16", "yuyv422", "uyvy422"), "yuv422p"),
    "nv24": "yuv444p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "p410le": "yuv444p10le",
}


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One plane of a frame.

    ``samples``: ``(height, width)`` uint8 or little-endian uint16, a writable view into the frame,
    without the padding of its rows. ``sub_x`` and ``sub_y`` are log2 of how many frame pixels one
    sample spans across and down; ``max_value`` is the largest value a sample may take.
    """

    samples: Samples
    role: Role
    sub_x: int
    sub_y: int
    max_value: int


def working_format(pix_fmt: str) -> str | None:
    """The planar format in which a frame of ``pix_fmt`` is composited.

    That is ``pix_fmt`` itself where ``planes_of`` can read it, else a planar format that holds the
    very same samples, else ``None``: such a video is refused, since converting it would change
    pixels that nobody asked to mask.
    """
    if _PLANAR.fullmatch(pix_fmt):
        return pix_fmt
    if pix_fmt.endswith("be") and _PLANAR.fullmatch(pix_fmt[:-2] + "le"):
        return pix_fmt[:-2] + "le"
    return _TWINS.get(pix_fmt)


def to_planar(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in its working format: itself where it is planar already.

    Raises:
        UnsupportedError: no planar format holds the same samples.
    """
    name = frame.format.name
    wanted = working_format(name)
    if wanted is None:
        raise _unsupported(name)
    if wanted == name:
        return frame
    # One thread: swscale's slices overwrite each other's edges in p010le of widths such as 1366,
    # and 100 of 100 frames came out wrong.
    return frame.reformat(format=wanted, threads=1)


def planes_of(frame: av.VideoFrame) -> tuple[Plane, ...]:
    """The planes of a frame, in the order in which they lie in it, as views.

    Whoever writes into them calls ``frame.make_writable()`` before: the decoder may still refer to
    the same buffer. A view keeps the frame alive.

    Raises:
        UnsupportedError: the format is not a planar one (see ``to_planar``), or rows lie bottom-up.
    """
    if not _PLANAR.fullmatch(frame.format.name):
        raise _unsupported(frame.format.name)
    kinds = _kinds(frame.format.name)
    stored = frame.planes
    return tuple(_plane(frame, index, stored[index], kind) for index, kind in enumerate(kinds))


def _plane(frame: av.VideoFrame, index: int, stored: VideoPlane, kind: _Kind) -> Plane:
    width = -(-frame.width >> kind.sub_x)
    height = -(-frame.height >> kind.sub_y)
    dtype = np.dtype(np.uint8 if kind.bits <= 8 else "<u2")
    line_size = stored.line_size
    if line_size < width * dtype.itemsize:
        raise UnsupportedError(
            f"expected rows of at least {width * dtype.itemsize} bytes in plane {index} of "
            f"{frame.format.name}, got {line_size}: a picture stored bottom-up cannot be masked "
            "in place"
        )
    rows = np.frombuffer(cast("Any", stored), np.uint8)[: line_size * height]
    samples = rows.reshape(height, line_size)[:, : width * dtype.itemsize].view(dtype)
    return Plane(samples, kind.role, kind.sub_x, kind.sub_y, (1 << kind.bits) - 1)


class _Kind(NamedTuple):
    """What all frames of a format have in common in one plane."""

    role: Role
    sub_x: int
    sub_y: int
    bits: int


@lru_cache(maxsize=32)
def _kinds(name: str) -> tuple[_Kind, ...]:
    """By plane. A format is asked once: its answers cost more than a frame's planes."""
    told = VideoFormat(name, 16, 16)
    bits = {component.plane: component.bits for component in reversed(told.components)}
    # how many samples stand for 16 pixels: 16, 8 or 4
    sub_x = (16 // told.chroma_width(16)).bit_length() - 1
    sub_y = (16 // told.chroma_height(16)).bit_length() - 1
    roles = [_role(name, index) for index in range(max(bits) + 1)]
    return tuple(
        _Kind(role, *((sub_x, sub_y) if role == "chroma" else (0, 0)), bits[index])
        for index, role in enumerate(roles)
    )


def _role(name: str, index: int) -> Role:
    if index == 3:
        return "alpha"
    if name.startswith("gray"):
        return "gray"
    if name.startswith("gbr"):
        return "rgb"
    return "chroma" if index else "luma"


def _unsupported(pix_fmt: str) -> UnsupportedError:
    return UnsupportedError(
        f"expected a planar YUV, grey or RGB pixel format of 8 to 16 bits, got {pix_fmt}; "
        "convert the video to one of them, for example yuv420p"
    )

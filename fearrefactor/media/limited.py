"""What a file may be, by the limits: looked at before FFmpeg reads it, and again while it does.

A header is a promise. One that is too large is refused before anything is made of it; one that is
too small is found out packet by packet, and by the decoder, which is told the limit too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.media.boxes import n_samples
from fearrefactor.media.stills import PNG_MAGIC, picture_size, unpacked_text_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from av.container import InputContainer
    from numpy.typing import NDArray

    from fearrefactor.core.settings import Limits
    from fearrefactor.media.source import Source

#: After so many packets those that came are looked at once more.
CHECK_EVERY: Final = 4096
#: What a chapter costs beside its title.
_CHAPTER_BYTES: Final = 64


def check_header(source: Source, head: bytes, size_bytes: int, limits: Limits) -> None:
    """Before FFmpeg is let near: bytes, a still picture's size, a table's length.

    ``head``: the first bytes of ``source``, as ``head_of`` gives them.

    Raises:
        LimitError: one of them is too large. UnsupportedError: a table that cannot be read.
    """
    limits.check("bytes", size_bytes, f"{size_bytes} bytes")
    size = picture_size(source, head)
    if size is not None:
        check_pixels(*size, limits)
    if head.startswith(PNG_MAGIC):
        n_bytes = unpacked_text_bytes(source, limits.max_metadata_bytes)
        limits.check("metadata", n_bytes, f"at least {n_bytes} bytes of text in a picture")
    if head[4:8] in _MP4_BOXES:
        n = n_samples(source, size_bytes)
        limits.check("packets", n, f"tables of {n} packets")


#: An MP4 begins with one of these; where it does not, there are no tables to be found.
_MP4_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"})


def check_opened(container: InputContainer, limits: Limits) -> None:
    """What FFmpeg has read of the header: streams, pixels, seconds, frames, tags and chapters.

    Raises:
        LimitError: one of them is too large.
    """
    n_streams = len(container.streams)
    limits.check("streams", n_streams, f"{n_streams} streams")
    for stream in container.streams.video:
        if stream.codec_context is not None:  # else nobody here can decode it
            check_pixels(stream.width, stream.height, limits)
        limits.check("frames", stream.frames, f"{stream.frames} frames")
    duration_s = (container.duration or 0) / 1_000_000
    limits.check("duration", duration_s, f"{duration_s:.0f} s")
    chapters = container.chapters()
    n_bytes = sum(_CHAPTER_BYTES + _n_bytes(chapter["metadata"]) for chapter in chapters)
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        n_bytes += _n_bytes(tags)
    limits.check("metadata", n_bytes, f"{n_bytes} bytes of tags and chapters")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """A picture, in pixels.

    Raises:
        LimitError: it is too large.
    """
    limits.check("pixels", width * height, f"a picture of {width} × {height} pixels")


def check_rate(pts: Sequence[int], time_base: Fraction, limits: Limits) -> None:
    """Times ``pts``, in ``time_base``, of frames in any order.

    Raises:
        LimitError: more of them lie within one second than may.
    """
    times = np.sort(np.asarray(pts, np.int64))
    most = math.floor(limits.max_fps)
    second = math.ceil(1 / time_base)
    fastest = int(_most_within(times, second))
    # One more than the limit: containers that count milliseconds round it away.
    if fastest > most + 1:
        limits.check("fps", fastest, f"{fastest} frames within one second")


def _most_within(times: NDArray[np.int64], length: int) -> int:
    """How many of ``times``, ascending, at most lie within ``length`` ticks."""
    ends = np.searchsorted(times, times + length, side="left")
    return int((ends - np.arange(len(times))).max(initial=0))


def _n_bytes(tags: Mapping[str, str]) -> int:
    return sum(len(name) + len(text) for name, text in tags.items())

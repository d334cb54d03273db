"""Opening a hostile file: its format is read from its first bytes, never guessed by FFmpeg.

A text file that calls itself ``upload.mp4`` can be a playlist that makes FFmpeg open other files.
So the format is named explicitly, every other format is forbidden, and so is every protocol.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

import av
import av.error

from fearrefactor.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

IMAGE_FORMATS = {"jpeg_pipe": ".jpg", "png_pipe": ".png", "bmp_pipe": ".bmp", "webp_pipe": ".webp"}
_IO_BUFFER_BYTES = 1 << 18
_HEAD_BYTES = 512
_EDGES_PIXELS = 1 << 18


class Source(Protocol):
    """A readable, seekable run of bytes: a file, or the near end of somebody's ranged reads."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Up to ``size`` bytes from the current position; empty at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move; answers the new position from the start."""
        ...

    def tell(self) -> int:
        """The current position from the start."""
        ...


def size_of(source: Source) -> int:
    """How many bytes a source has."""
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    return size


def head_of(source: Source) -> bytes:
    """The first bytes of a source, by which formats are told apart."""
    source.seek(0)
    head = source.read(_HEAD_BYTES) or b""
    source.seek(0)
    return head


def sniff(head: bytes) -> str | None:
    """FFmpeg's name for the format that begins with ``head`` (512 bytes do), if we take it."""
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
        return "mov"
    if head[:4] == b"RIFF":
        return {b"AVI ": "avi", b"WEBP": "webp_pipe"}.get(head[8:12])
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:1] == b"G" and head[188:189] == b"G":  # only now: a GIF begins with a G, too
        return "mpegts"
    if head[4:5] == b"G" and head[196:197] == b"G":  # four bytes of time before each packet
        return "mpegts"
    return None


_MAGIC = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"\xff\xd8\xff", "jpeg_pipe"),
    (b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (b"BM", "bmp_pipe"),
    (b"GIF8", "gif"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"0&\xb2u\x8ef\xcf\x11", "asf"),
)


def decoder_options(max_pixels: int) -> dict[str, str]:
    """What makes a decoder refuse a picture of far more than ``max_pixels`` before it has memory.

    Decoders count the edges that they draw around a picture, so that small ones get more.
    """
    return {"max_pixels": str(2 * max_pixels + _EDGES_PIXELS)}


def open_source(source: Source, max_pixels: int | None = None) -> tuple[InputContainer, str]:
    """Open a source and say what format it is.

    FFmpeg decodes first frames to know what they are: none of far more than ``max_pixels``.

    Raises:
        MediaError: ``empty_file``, or ``not_a_video`` when it is none of the formats taken here.
    """
    head = head_of(source)
    if not head:
        raise MediaError("the file has 0 bytes", code="empty_file")
    name = sniff(head)
    if name is None:
        raise MediaError(
            f"not a video or image: it begins with {head[:16]!r}; expected MP4, MOV, MKV, WebM, "
            "MPEG-TS, MPEG-PS, AVI, FLV, Ogg, ASF, GIF, JPEG, PNG, BMP or WebP",
            code="not_a_video",
        )
    limited = {} if max_pixels is None else decoder_options(max_pixels)
    try:
        container = av.open(
            source,
            mode="r",
            format=name,
            options={"format_whitelist": name, "protocol_whitelist": "none", **limited},
            metadata_errors="replace",
            buffer_size=_IO_BUFFER_BYTES,
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"begins like {name} but cannot be opened: {error}", code="not_a_video"
        ) from error
    return container, name

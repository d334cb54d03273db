"""What a still picture's own header says: its size, and how much text is packed into it.

FFmpeg knows the size of a still only by decoding it, and unpacks all text that a PNG carries.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.media.source import Source

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
#: Chunks of a PNG whose content is packed (PNG, 11.3): a profile of colours, and texts.
_PACKED: Final = frozenset({b"iCCP", b"zTXt", b"iTXt"})
#: What stands before the packed part ends in zeros: a name, flags, and for iTXt two more names.
_MOST_ZEROS: Final = 6
#: Segments of a JPEG that begin a frame and say its size (ITU-T T.81, table B.1).
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST_SEGMENTS: Final = 1000
_MOST_CHUNKS: Final = 100_000


def picture_size(source: Source, head: bytes) -> tuple[int, int] | None:
    """Width and height that a still says it has; None where it says nothing, or is no still.

    ``head``: the first bytes of ``source``.
    """
    if head.startswith(PNG_MAGIC):
        return _big(head[16:20]), _big(head[20:24])
    if head.startswith(b"GIF8"):
        return _little(head[6:8]), _little(head[8:10])
    if head.startswith(b"BM"):
        return _little(head[18:22]), abs(int.from_bytes(head[22:26], "little", signed=True))
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_size(source)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp_size(head)
    return None


def unpacked_text_bytes(source: Source, most: int) -> int:
    """How many bytes the packed chunks of a PNG become; unpacking ends beyond ``most``."""
    n_bytes = 0
    for number, (kind, at, size) in enumerate(_png_chunks(source)):
        if number > _MOST_CHUNKS:
            return most + 1  # nobody looks at the rest, so that it counts as too much
        if kind in _PACKED:
            source.seek(at)
            n_bytes += _unpacked_bytes(source, size, most - n_bytes)
            if n_bytes > most:
                break
    return n_bytes


def _png_chunks(source: Source) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and size of each chunk's data, up to the end of the picture."""
    at = len(PNG_MAGIC)
    while True:
        source.seek(at)
        head = source.read(8) or b""
        if len(head) < 8 or head[4:] == b"IEND":
            return
        yield head[4:], at + 8, _big(head[:4])
        at += 12 + _big(head[:4])


def _unpacked_bytes(source: Source, size: int, most: int) -> int:
    """What the next ``size`` bytes become if they are unpacked from wherever that is possible."""
    data = bytearray()
    while len(data) < min(size, most + 1) and (part := source.read(size - len(data))):
        data += part
    longest, zero = len(data), -1
    for _ in range(_MOST_ZEROS):
        zero = data.find(0, zero + 1)
        if zero < 0:
            break
        longest = max(longest, _inflated(data[zero + 1 :], most))
    return longest


def _inflated(packed: bytearray, most: int) -> int:
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error:
        return 0


def _jpeg_size(source: Source) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        source.seek(at)
        head = source.read(9) or b""
        if len(head) < 9 or head[0] != 0xFF:
            return None
        if head[1] == 0xFF:  # a fill byte
            at += 1
        elif head[1] in _FRAMES:
            return _big(head[7:9]), _big(head[5:7])
        else:
            at += 2 + _big(head[2:4])
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind, data = head[12:16], head[20:]
    if kind == b"VP8X":
        return 1 + _little(data[4:7]), 1 + _little(data[7:10])
    if kind == b"VP8L":
        bits = _little(data[1:5])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return _little(data[6:8]) & 0x3FFF, _little(data[8:10]) & 0x3FFF
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")

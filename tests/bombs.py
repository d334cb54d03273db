"""Small files that promise, or unpack to, far more than they are; each recipe stands in words."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from synthetic import plain

if TYPE_CHECKING:
    from collections.abc import Callable

HUGE = 60_000


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of 69 bytes whose header says any size; its picture data is that of a few pixels."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(bytes(16 * (1 + 3 * 16))))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *chunks, data, _chunk(b"IEND", b"")])


def packed_text(kind: bytes, n_bytes: int) -> bytes:
    """A PNG of 16 × 16 pixels with a text or colour profile of ``n_bytes`` zeros, well packed."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(1 << 20)) for _ in range(n_bytes >> 20)]
    packed = b"".join([*pieces, packer.flush()])
    flags = b"\1\0\0\0" if kind == b"iTXt" else b"\0"
    return png(16, 16, _chunk(kind, b"Comment\0" + flags + packed))


def gif(width: int, height: int) -> bytes:
    """A GIF of 35 bytes with one frame as large as its screen, as the header says."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"
    return b"GIF89a" + screen + frame + b";"


def bmp(width: int, height: int) -> bytes:
    """A BMP of 200 bytes; a negative height says that its lines run from top to bottom."""
    sizes = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 200, 0, 0, 54) + sizes + bytes(146)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header stands behind 40 kB of another segment, and nothing after it."""
    other = b"\xff\xe1" + struct.pack(">H", 40_000) + bytes(39_998)
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + other + b"\xff\xff\xc2" + frame + b"\xff\xd9"


def webp(kind: bytes, width: int, height: int) -> bytes:
    """The head of a WebP in one of its three ways to say a size."""
    if kind == b"VP8X":
        data = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        data = b"\x2f" + ((height - 1) << 14 | (width - 1)).to_bytes(4, "little")
    else:
        data = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def wide_film(width: int = 6144, height: int = 6144) -> bytes:
    """One black frame of 38 million pixels as H.264 in an MP4 of about 110 kB."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux_one(packet)
    return file.getvalue()


def claiming(film: bytes, width: int, height: int) -> bytes:
    """An MP4 whose sample entry says a size (ISO/IEC 14496-12, 12.1.3); its H.264 says another."""
    data = bytearray(film)
    struct.pack_into(">HH", data, data.rindex(b"avc1") + 28, width, height)
    return bytes(data)


def claiming_frames(n_frames: int) -> bytes:
    """An MP4 of one frame whose tables say ``n_frames`` of equal length and size, in one chunk."""
    data = bytearray(plain(n_frames=1))
    for name, at in ((b"stsz", 12), (b"stts", 12), (b"stsc", 16)):
        struct.pack_into(">I", data, data.rindex(name) + at, n_frames)
    return bytes(data)


def many_streams(n: int = 200) -> bytes:
    """``plain`` in Matroska with ``n`` empty tracks of subtitles beside the picture."""

    def add(out: Any) -> None:
        for _ in range(n):
            out.add_mux_stream("subrip", time_base=Fraction(1, 1000))

    return _beside(add)


def many_chapters(n: int = 70_000) -> bytes:
    """``plain`` in Matroska with ``n`` chapters of a millisecond each."""

    def add(out: Any) -> None:
        tick = Fraction(1, 1000)
        out.set_chapters(
            [
                {"id": number, "start": number, "end": number + 1, "time_base": tick,
                 "metadata": {"title": "x"}}
                for number in range(n)
            ]
        )  # fmt: skip

    return _beside(add)


def _beside(add: Callable[[Any], None]) -> bytes:
    file = io.BytesIO()
    source = plain(n_frames=2, width=32, height=32)
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format="matroska") as out:
        stream = out.add_stream_from_template(found.streams.video[0])
        add(out)
        for packet in found.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux_one(packet)
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

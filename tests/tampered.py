"""Films of ``synthetic`` with something done to them that no honest muxer does."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from synthetic import Recipe, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.packet import Packet


def hidden_start(n_hidden: int = 6, **changes: Any) -> bytes:
    """H.264 in MP4 whose edit list begins after ``n_hidden`` frames that are still in the file."""
    return trimmed(plain(**changes), n_hidden)


def trimmed(film: bytes, n_first: int, n_last: int = 0) -> bytes:
    """A silent MP4 whose edit list shows all but its first and last frames; they stay in the file."""
    data = bytearray(film)
    at = data.index(b"elst") + 12  # past type, version and flags, count: length, then media time
    (ticks_per_second,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    length_ms, start = struct.unpack_from(">II", data, at)
    hidden = Fraction(n_first, Recipe().rate)
    left_ms = length_ms - (hidden + Fraction(n_last, Recipe().rate)) * 1000
    struct.pack_into(">II", data, at, int(left_ms), int(start + hidden * ticks_per_second))
    return bytes(data)


def hidden_vp8(hidden: int = 5) -> bytes:
    """VP8 in WebM with one frame that is never shown: its show bit (RFC 6386, 9.1) is cleared."""
    file = io.BytesIO()
    source = plain(muxer="webm", codec="libvpx", options={"b": "300000"})
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format="webm") as out:
        stream = out.add_stream_from_template(found.streams.video[0])
        for number, packet in enumerate(found.demux(video=0)):
            if packet.size:
                data = bytearray(bytes(packet))
                if number == hidden:
                    data[0] &= ~0x10
                out.mux_one(_packet(bytes(data), stream, packet))
    return file.getvalue()


def pointing_elsewhere(address: str) -> bytes:
    """An MP4 whose table says that its samples lie at ``address`` and not in this very file."""
    data = plain()
    own = b"\0\0\0\x0curl \0\0\0\x01"
    text = address.encode() + b"\0"
    other = (12 + len(text)).to_bytes(4, "big") + b"url \0\0\0\0" + text
    at = data.index(own)
    changed = bytearray(data[:at] + other + data[at + len(own) :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        box = data.index(name) - 4  # the table lies behind the samples: their offsets stay
        (size,) = struct.unpack_from(">I", changed, box)
        struct.pack_into(">I", changed, box, size + len(other) - len(own))
    return bytes(changed)


def with_telemetry() -> bytes:
    """``plain`` as MPEG-TS with a data track beside the picture, as dashboard cameras write it."""
    file = io.BytesIO()
    with av.open(io.BytesIO(plain()), "r") as found, av.open(file, "w", format="mpegts") as out:
        stream = out.add_stream_from_template(found.streams.video[0])
        out.add_data_stream("klv")
        for packet in found.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux_one(packet)
    return file.getvalue()


def called_transparent(tag: str) -> bytes:
    """A WebM that says it is transparent, under a name spelt as its last muxer liked."""
    file = io.BytesIO()
    source = plain(muxer="webm", codec="libvpx", n_frames=12)
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format="webm") as out:
        stream = out.add_stream_from_template(found.streams.video[0])
        stream.metadata[tag] = "1"
        for packet in found.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux_one(packet)
    return file.getvalue()


def retimed(source: bytes, times: Sequence[int], muxer: str = "matroska") -> bytes:
    """The video packets of ``source``, the n-th of them at ``times[n]`` ticks, as they are."""
    file = io.BytesIO()
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format=muxer) as out:
        stream = out.add_stream_from_template(found.streams.video[0])
        for packet, time in zip(found.demux(video=0), times, strict=False):
            packet.pts = packet.dts = time
            out.mux_one(_packet(bytes(packet), stream, packet))
    return file.getvalue()


def _packet(data: bytes, stream: Any, like: Packet[Any]) -> Packet[Any]:
    packet: Packet[Any] = av.Packet(data)
    packet.stream = stream
    packet.pts, packet.dts, packet.duration = like.pts, like.dts, like.duration
    packet.time_base, packet.is_keyframe = like.time_base, like.is_keyframe
    return packet


def growing() -> bytes:
    """MPEG-TS whose picture is 160 wide at first and 192 wide from its second GOP on."""
    first, second = (plain(muxer="mpegts", width=width, n_frames=12) for width in (160, 192))
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as out:
        with av.open(io.BytesIO(first), "r") as found:
            stream = out.add_stream_from_template(found.streams.video[0])
        for number, source in enumerate((first, second)):
            with av.open(io.BytesIO(source), "r") as found:
                for packet in found.demux(video=0):
                    if packet.size:
                        shift = number * 12 * 3750  # a GOP's length in ticks of 1/90000 s
                        made = _packet(bytes(packet), stream, packet)
                        made.pts = (packet.pts or 0) + shift
                        made.dts = (packet.dts or 0) + shift
                        out.mux_one(made)
    return file.getvalue()

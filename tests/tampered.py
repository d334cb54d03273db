"""Films of ``synthetic`` with something done to them that no honest muxer does."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from synthetic import Recipe, plain

from fearrefactor.media.nal import split_annex_b

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.packet import Packet


def hidden_start(n_hidden: int = 6, **changes: Any) -> bytes:
    """H.264 in MP4 whose edit list begins after ``n_hidden`` frames that are still in the file."""
    return trimmed(plain(**changes), n_hidden)


def trimmed(film: bytes, n_first: int, n_last: int = 0) -> bytes:
    """A silent MP4 whose edit list leaves out frames at both ends; they stay in the file."""
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


def two_films_in_one_stream() -> bytes:
    """H.264 in MPEG-TS whose second half was encoded with other parameter sets of the same ids."""
    file = io.BytesIO()
    halves = [plain(muxer="mpegts"), plain(muxer="mpegts", options={"coder": "0"})]
    with av.open(file, "w", format="mpegts") as out:
        stream: Any = None
        for number, half in enumerate(halves):
            with av.open(io.BytesIO(half), "r") as found:
                stream = stream or out.add_stream_from_template(found.streams.video[0])
                for packet in found.demux(video=0):
                    if packet.size:
                        packet.pts += number * 2 * 90_000
                        packet.dts += number * 2 * 90_000
                        packet.stream = stream
                        out.mux_one(packet)
    return file.getvalue()


def short_lengths() -> bytes:
    """H.264 in MP4 whose NAL units have lengths of two bytes and not, as usual, of four."""
    file = io.BytesIO()
    source = plain(options={"bf": "2"})
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format="mp4") as out:
        video = found.streams.video[0]
        stream = out.add_stream_from_template(video, opaque=True)
        header = bytearray(video.codec_context.extradata or b"")
        header[4] = 0xFD
        stream.codec_context.extradata = bytes(header)
        for packet in found.demux(video):
            if packet.size:
                data, short = bytes(packet), b""
                while data:
                    (size,) = struct.unpack_from(">I", data)
                    short += struct.pack(">H", size) + data[4 : 4 + size]
                    data = data[4 + size :]
                out.mux_one(_packet(short, stream, packet))
    return file.getvalue()


def sets_only_at_the_start() -> bytes:
    """H.264 in MPEG-TS whose parameter sets stand in its first packet and in no other."""
    file = io.BytesIO()
    source = plain(muxer="mpegts", options={"x264-params": "repeat-headers=1"})
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format="mpegts") as out:
        stream = out.add_stream_from_template(found.streams.video[0], opaque=True)
        stream.codec_context.extradata = None  # or the muxer would put them back
        for number, packet in enumerate(found.demux(video=0)):
            if packet.size:
                data = bytes(packet)
                if number:
                    kept = [unit for unit in split_annex_b(data) if unit[0] & 0x1F not in (7, 8)]
                    data = b"".join(b"\0\0\0\1" + bytes(unit) for unit in kept)
                out.mux_one(_packet(data, stream, packet))
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


def growing(width: int = 192) -> bytes:
    """MPEG-TS whose picture is 160 wide at first and ``width`` from its second GOP on."""
    first, second = (plain(muxer="mpegts", width=size, n_frames=12) for size in (160, width))
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


def captioned(codec: str = "h264") -> bytes:
    """A film whose every frame has captions of its own (ATSC A/53, part 4, 6.2)."""
    encoder = {"h264": "libx264", "hevc": "libx265", "mpeg2video": "mpeg2video"}[codec]
    options = {"x265-params": "log-level=error:pools=1:bframes=0"} if codec == "hevc" else {}
    source = plain(codec=encoder, n_frames=14, options=options | {"bf": "0"})
    file = io.BytesIO()
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", "mp4") as out:
        stream = out.add_stream_from_template(found.streams.video[0], opaque=True)
        for number, packet in enumerate(found.demux(video=0)):
            if packet.size:
                data = _with_caption(bytes(packet), codec, caption(number))
                out.mux_one(_packet(data, stream, packet))
    return file.getvalue()


def shaped() -> bytes:
    """H.264 whose every frame says that only its middle is active (ATSC A/53, part 4, 6.2.4)."""
    file = io.BytesIO()
    with av.open(io.BytesIO(plain(n_frames=14)), "r") as found, av.open(file, "w", "mp4") as out:
        stream = out.add_stream_from_template(found.streams.video[0], opaque=True)
        for packet in found.demux(video=0):
            if packet.size:
                nal = b"\x06\x04\x09\xb5\0\x31DTG1\x41\xf9\x80"
                data = len(nal).to_bytes(4, "big") + nal + bytes(packet)
                out.mux_one(_packet(data, stream, packet))
    return file.getvalue()


def two_views(codec: str) -> bytes:
    """H.264 or HEVC whose every packet holds a second picture: the first, called another view's."""
    encoder = {"h264": "libx264", "hevc": "libx265"}[codec]
    options = {"x265-params": "log-level=error:pools=1"} if codec == "hevc" else {}
    source = plain(codec=encoder, n_frames=14, options=options | {"bf": "0"})
    file = io.BytesIO()
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", "mp4") as out:
        stream = out.add_stream_from_template(found.streams.video[0], opaque=True)
        for packet in found.demux(video=0):
            if packet.size:
                head = b"\x74\x80\0\1" if codec == "h264" else b"\x02\x09"
                nal = head + bytes(packet)[-40:]
                data = bytes(packet) + len(nal).to_bytes(4, "big") + nal
                out.mux_one(_packet(data, stream, packet))
    return file.getvalue()


def caption(number: int) -> bytes:
    """The captions of a frame: two letters for each field."""
    letters = bytes([0x80 + number % 64, 0x20 + number % 64])
    return b"\xfc" + letters + b"\xfd" + letters


def _with_caption(packet: bytes, codec: str, words: bytes) -> bytes:
    message = b"GA94\x03" + bytes([0x40 | len(words) // 3, 0xFF]) + words + b"\xff"
    if codec == "mpeg2video":  # user data stands before the first slice
        at = packet.index(b"\0\0\1\1")
        return packet[:at] + b"\0\0\1\xb2" + message + packet[at:]
    payload = b"\xb5\0\x31" + message
    head = b"\x06" if codec == "h264" else b"\x4e\x01"
    nal = head + bytes([4, len(payload)]) + payload + b"\x80"
    return len(nal).to_bytes(4, "big") + nal + packet


def encrypted(**changes: Any) -> bytes:
    """``plain`` with a sound track, as a shop would send it: nothing of it plays without a key."""
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00112233445566778899aabbccddeeff",
        "encryption_kid": "ffeeddccbbaa99887766554433221100",
    }
    return plain(audio=("aac",), muxer_options=options, **changes)


def dolby_vision(*, base_layer: bool = True, plays_as: int = 1) -> bytes:
    """HEVC in MP4 that is declared to be Dolby Vision; without a base layer it is half a picture.

    The record says profile 8 that plays as HDR10, ``plays_as`` 0 as nothing else, or an enhancement
    layer on its own.
    """
    layers = 0b101 if base_layer else 0b110
    record = bytes([1, 0, 8 << 1, 9 << 3 | layers, plays_as << 4]) + bytes(19)
    film = plain(codec="libx265", pix_fmt="yuv420p10le", n_frames=8)
    return with_box(film, b"hvcC", (8 + len(record)).to_bytes(4, "big") + b"dvvC" + record)


def with_box(film: bytes, neighbour: bytes, box: bytes) -> bytes:
    """An MP4, its table at its end, with one more box before ``neighbour`` in its first entry."""
    changed = bytearray(film)
    at = film.index(neighbour) - 4
    parents = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"]
    starts = [film.index(name) - 4 for name in parents]
    for start in [*starts, starts[-1] + 16]:  # the entry follows the head of its list
        (size,) = struct.unpack_from(">I", changed, start)
        struct.pack_into(">I", changed, start, size + len(box))
    changed[at:at] = box
    return bytes(changed)

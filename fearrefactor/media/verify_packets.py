"""Holds the video packets of a result against the source's, without decoding any."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.errors import FidelityError
from fearrefactor.media.decode import decoded, packet_time, shows_nothing
from fearrefactor.media.nal import nal_units
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import codec_name, main_video
from fearrefactor.media.ticks import apart_s

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoIndex
    from fearrefactor.media.source import Source

#: Headers, delimiters, ends and filling of H.264 and HEVC, by type of NAL unit: between start codes
#: a muxer may add them.
_AROUND: Final = {"h264": {7, 8, 9, 10, 11, 12}, "hevc": {32, 33, 34, 35, 36, 37, 38}}
_FRAMED: Final = "mov", "matroska"
#: Copies whose bytes a muxer arranges anew: only their pictures can be compared.
REWRITTEN: Final = frozenset({"gif"})


@dataclass
class _Packets:
    """The video packets of a file in decode order, a few numbers for each; times in ticks."""

    time_base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    is_key: array[int] = field(default_factory=lambda: array("b"))
    is_shown: array[int] = field(default_factory=lambda: array("b"))
    digest: array[int] = field(default_factory=lambda: array("Q"))


def check_packets(
    source: Source,
    result: Source,
    index: VideoIndex,
    found: VideoIndex,
    rendered: NDArray[np.bool_],
) -> None:
    """All frames' times, all GOPs' key frames, and the bytes of what was to be copied.

    ``rendered``: ``(n_gops,)`` bool, by GOPs of the source.

    Raises:
        FidelityError: something differs.
    """
    _check_times(index, found)
    before, after = _read(source), _read(result)
    if len(before.pts) != index.n_packets:
        raise FidelityError(f"expected {index.n_packets} packets, the source has {len(before.pts)}")
    is_rendered = np.repeat(rendered, index.gops.n_packets)
    kept = ~is_rendered | np.array(before.is_shown, bool)
    if len(after.pts) != np.count_nonzero(kept):
        raise FidelityError(
            f"video packets: expected {np.count_nonzero(kept)}, the result has {len(after.pts)}"
        )
    if found.info.container != "matroska":  # it has no decode times: they are FFmpeg's guess
        _check_order(after)
    if index.info.codec not in REWRITTEN:
        here, there = np.flatnonzero(~is_rendered), np.flatnonzero(~is_rendered[kept])
        _check_copied(before, after, here, there)
    of_gop = np.repeat(np.arange(len(rendered)), index.gops.n_packets)[kept]
    _check_starts(after, of_gop)
    if not rendered.all():
        _check_rendered(before, after, kept, is_rendered, of_gop)


def _check_times(index: VideoIndex, found: VideoIndex) -> None:
    """Of every frame, and of the end of the last one."""
    expected, got = index.info, found.info
    # A file counts in ticks of its own; what it cannot say more exactly is not an error.
    tick_s = float(got.time_base) if got.container == "matroska" else 0.0
    apart = apart_s(found.pts, got.time_base, index.pts, expected.time_base)
    wrong = np.flatnonzero(np.abs(apart) > 0.51 * tick_s)
    if wrong.size:
        frame = int(wrong[0])
        raise FidelityError(
            f"time of frame {frame}: expected {int(index.pts[frame]) * expected.time_base} s, "
            f"got {int(found.pts[frame]) * got.time_base} s"
        )
    ends = index.gops.start_pts[-1:], found.gops.start_pts[-1:]
    late_s = apart_s(ends[1], got.time_base, ends[0], expected.time_base)[0]
    # Only an MP4 always says how long its last frame lasts.
    told = expected.container == got.container == "mov"
    last_s = float((ends[0][0] - index.pts[-1]) * expected.time_base)
    most_s = float(got.time_base) if told else max(last_s, float(1 / expected.rate)) + tick_s
    if abs(late_s) > most_s:
        raise FidelityError(
            f"end of the last frame: expected {int(ends[0][0]) * expected.time_base} s, "
            f"got {int(ends[1][0]) * got.time_base} s"
        )


def _check_order(after: _Packets) -> None:
    dts, pts = np.array(after.dts), np.array(after.pts)
    back = np.flatnonzero(np.diff(dts) < 0)
    if back.size:
        raise FidelityError(f"decode times: packet {back[0] + 1} is before packet {back[0]}")
    late = np.flatnonzero(dts > pts)
    if late.size:
        raise FidelityError(
            f"decode times: packet {late[0]} is decoded at {dts[late[0]]} and shown before, "
            f"at {pts[late[0]]}"
        )


def _check_copied(
    before: _Packets, after: _Packets, here: NDArray[np.int64], there: NDArray[np.int64]
) -> None:
    """The packets ``here`` in the source and ``there`` in the result, one by one."""
    same = np.array(before.digest)[here] == np.array(after.digest)[there]
    if not same.all():
        n = int(here[~same][0])
        raise FidelityError(f"video packet {n} was to be copied: its bytes have changed")
    tick_s = float(max(before.time_base, after.time_base))
    for name in ("pts", "duration"):
        one, other = np.array(getattr(before, name))[here], np.array(getattr(after, name))[there]
        apart = apart_s(other, after.time_base, one, before.time_base)
        # Where a file does not say how long a packet lasts, the next one's time tells.
        told = np.ones(len(one), bool) if name == "pts" else (one > 0) & (other > 0)
        wrong = np.flatnonzero(told & (np.abs(apart) > 1.01 * tick_s))
        if wrong.size:
            n = wrong[0]
            raise FidelityError(
                f"{name} of video packet {here[n]}, copied: expected "
                f"{float(one[n] * before.time_base):.6f} s, "
                f"got {float(other[n] * after.time_base):.6f} s"
            )
    lost = np.array(before.is_key)[here] > np.array(after.is_key)[there]
    if lost.any():
        raise FidelityError(f"video packet {here[lost][0]}, copied: it is no longer a key frame")


def _check_starts(after: _Packets, of_gop: NDArray[np.int64]) -> None:
    starts = np.flatnonzero(np.diff(of_gop, prepend=-1))
    without = starts[np.array(after.is_key)[starts] == 0]
    if without.size:
        raise FidelityError(
            f"key frames: expected one at packet {without[0]}, where GOP {of_gop[without[0]]} of "
            "the source begins"
        )


def _check_rendered(
    before: _Packets,
    after: _Packets,
    kept: NDArray[np.bool_],
    is_rendered: NDArray[np.bool_],
    of_gop: NDArray[np.int64],
) -> None:
    """Beside copied packets rendered ones name other parameter sets: none can be the same."""
    same = np.array(before.digest)[kept] == np.array(after.digest)
    unchanged = np.flatnonzero(same & is_rendered[kept])
    if unchanged.size:
        raise FidelityError(
            f"GOP {of_gop[unchanged[0]]} was to be rendered: {unchanged.size} video packets are "
            f"still the source's, packet {unchanged[0]} first"
        )


def _read(file: Source) -> _Packets:
    container, name = open_source(file)
    with container:
        stream = main_video(container)
        codec = codec_name(stream)
        out = _Packets(Fraction(stream.time_base or 0) or Fraction(1, 1000))
        around = _AROUND.get(codec, set()) if name not in _FRAMED else set()
        for packet in decoded(container.demux(stream)):
            if not packet.size:
                continue
            time = packet_time(packet)
            out.pts.append(time if time is not None else 0)
            out.dts.append(packet.dts if packet.dts is not None else out.pts[-1])
            out.duration.append(packet.duration or 0)
            out.is_key.append(packet.is_keyframe)
            out.is_shown.append(not packet.is_discard and not shows_nothing(packet, codec))
            out.digest.append(_digest(packet, codec, around))  # type: ignore[arg-type]
    return out


def _digest(packet: Packet[Stream], codec: str, around: set[int]) -> int:
    """64 bits of a packet's content, without the NAL units of the types ``around``."""
    digest = hashlib.blake2b(digest_size=8)
    if not around:
        digest.update(memoryview(packet))
        return int.from_bytes(digest.digest())
    hevc = codec == "hevc"
    for nal in nal_units(packet, b"", hevc=hevc):
        if ((nal[0] >> 1) & 0x3F if hevc else nal[0] & 0x1F) not in around:
            digest.update(nal)
    return int.from_bytes(digest.digest())

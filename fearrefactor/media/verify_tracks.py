"""Holds the tracks beside the picture against the source's, packet by packet."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from av.stream import Disposition

from fearrefactor.errors import FidelityError
from fearrefactor.media.decode import decoded
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import codec_name, kept_beside
from fearrefactor.media.ticks import apart_s

if TYPE_CHECKING:
    from av.stream import Stream

    from fearrefactor.core.video import VideoInfo
    from fearrefactor.media.source import Source

#: "From here on no subtitle": FFmpeg's MP4 muxer adds one behind the last line of a track.
_EMPTY_LINE: Final = b"\0\0"
_UNKNOWN_LANGUAGE: Final = {None, "", "und"}
#: Layers of one codec, which MP4 does not tell apart.
_MPEG_AUDIO: Final = {"mp1", "mp2", "mp3"}


@dataclass
class _Track:
    """A copied stream: what is said of it, and a few numbers for each packet, times in ticks."""

    kind: str
    codec: str
    language: str | None
    is_default: bool
    is_forced: bool
    time_base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    digest: array[int] = field(default_factory=lambda: array("Q"))


def check_tracks(source: Source, result: Source, info: VideoInfo) -> None:
    """Every packet of every copied track is there, with its bytes, at its time.

    ``info`` is the result's.

    Raises:
        FidelityError: something differs.
    """
    expected, found = _read(source), _read(result)
    if len(expected) != len(found):
        raise FidelityError(f"copied tracks: expected {len(expected)}, got {len(found)}")
    for number, (before, after) in enumerate(zip(expected, found, strict=True)):
        name = f"track {number} ({before.codec})"
        _check_said(name, before, after)
        _check_content(name, before, after)
        _check_times(name, before, after, info)


def _check_said(name: str, before: _Track, after: _Track) -> None:
    if before.codec != after.codec and not {before.codec, after.codec} <= _MPEG_AUDIO:
        raise FidelityError(f"{name}: expected its codec, got {after.codec}")
    if before.language != after.language and before.language not in _UNKNOWN_LANGUAGE:
        raise FidelityError(f"{name}: expected language {before.language}, got {after.language}")
    # A muxer makes the first track of a kind the default one where none is.
    if before.is_default and not after.is_default:
        raise FidelityError(f"{name}: it is no longer the default")
    if before.is_forced != after.is_forced:
        raise FidelityError(f"{name}: expected forced {before.is_forced}, got {after.is_forced}")


def _check_content(name: str, before: _Track, after: _Track) -> None:
    counts = len(before.digest), len(after.digest)
    if counts[0] != counts[1]:
        raise FidelityError(f"{name}: expected {counts[0]} packets, got {counts[1]}")
    differ = np.flatnonzero(np.array(before.digest) != np.array(after.digest))
    if differ.size:
        raise FidelityError(f"{name}: its bytes have changed, from packet {differ[0]} on")


def _check_times(name: str, before: _Track, after: _Track, info: VideoInfo) -> None:
    """Each packet within half a tick of the result's clock; the start, within that of the film's.

    An MP4 says by the film's clock, which is the video's here, when a track starts.
    """
    apart = apart_s(after.pts, after.time_base, before.pts, before.time_base)
    if not apart.size:
        return
    tick_s = float(after.time_base)
    start_s = tick_s + (float(info.time_base) if info.container == "mov" else 0.0)
    if abs(apart[0]) > start_s:
        raise FidelityError(f"{name}: starts {abs(apart[0]):.4f} s off")
    shifted = np.flatnonzero(np.abs(apart - apart[0]) > 1.01 * tick_s)
    if shifted.size:
        n = int(shifted[0])
        raise FidelityError(
            f"{name}: expected packet {n} at {float(before.pts[n] * before.time_base):.6f} s, got "
            f"it at {float(after.pts[n] * after.time_base):.6f} s"
        )
    if before.kind == "subtitle":
        lasts = apart_s(after.duration, after.time_base, before.duration, before.time_base)
        wrong = np.flatnonzero(np.abs(lasts) > max(tick_s, float(before.time_base)))
        if wrong.size:
            raise FidelityError(f"{name}: line {wrong[0]} lasts {abs(lasts[wrong[0]]):.4f} s else")


def _read(file: Source) -> list[_Track]:
    """The copied streams that have anything in them."""
    container, _ = open_source(file)
    with container:
        streams = kept_beside(container)
        tracks = {stream.index: _track(stream) for stream in streams}
        if not streams:
            return []
        for packet in decoded(container.demux(streams)):
            if not packet.size:
                continue
            track, data = tracks[packet.stream_index], memoryview(packet)
            if track.codec == "mov_text" and bytes(data[:3]) == _EMPTY_LINE:
                continue
            track.pts.append(packet.pts if packet.pts is not None else packet.dts or 0)
            track.duration.append(packet.duration or 0)
            digest = hashlib.blake2b(data, digest_size=8).digest()
            track.digest.append(int.from_bytes(digest))
    return [track for track in tracks.values() if track.pts]


def _track(stream: Stream) -> _Track:
    return _Track(
        kind=stream.type,
        codec=codec_name(stream),
        language=stream.language,
        is_default=bool(stream.disposition & Disposition.default),
        is_forced=bool(stream.disposition & Disposition.forced),
        time_base=Fraction(stream.time_base or 0) or Fraction(1, 1000),
    )

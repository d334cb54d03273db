"""The independent check of a finished file, made in a process that wrote none of it.

It knows the source, its index and the result, and asks: are all frames there, each at its own time;
does every one decode; is the picture of the same shape and colours; is everything beside the
picture the same bytes at the same times; is nothing there that should have been left out?
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import FidelityError, MediaError
from fearrefactor.media.decode import decoded, segment_frames
from fearrefactor.media.index import index_source
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import kept_beside, main_video

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.settings import Limits
    from fearrefactor.core.video import VideoIndex, VideoInfo
    from fearrefactor.media.source import Source

#: "From here on no subtitle": FFmpeg's MP4 muxer adds one behind the last line of a track.
_EMPTY_LINE = b"\0\0"
_SAME_SHAPE = ("width_px", "height_px", "pix_fmt", "rotation_deg", "alpha")
_SAME_COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")


@dataclass
class _Track:
    """What must be equal of a copied stream: its packets' bytes and when they are heard."""

    codec: str
    digest: object = field(default_factory=hashlib.sha256)
    n_packets: int = 0
    start_s: Fraction | None = None


def verify(source: Source, index: VideoIndex, result: Path, limits: Limits) -> None:
    """Hold a result against its source.

    Raises:
        FidelityError: naming the property that differs, what was expected and what was found.
    """
    with result.open("rb") as file:
        try:
            found = index_source(file, limits, CutSettings())
            for task in found.tasks():
                for _ in segment_frames(file, task, strict=True):
                    pass
        except MediaError as error:
            raise FidelityError(f"the result cannot be read back: {error}") from error
        _check_frames(index, found)
        if index.info.is_image:
            return
        _check_picture(index.info, found.info)
        _check_tracks(_tracks(source), _tracks(file), found.info)


def _check_frames(index: VideoIndex, found: VideoIndex) -> None:
    if found.n_frames != index.n_frames:
        raise FidelityError(f"frames: expected {index.n_frames}, the result has {found.n_frames}")
    if index.info.is_image:
        return
    if found.n_packets != found.n_frames and index.info.n_hidden_frames:
        raise FidelityError("hidden frames: the result still holds frames that are never shown")
    # A Matroska file counts milliseconds; what it cannot say more exactly is not an error.
    tolerance = found.info.time_base / 2 if found.info.container == "matroska" else Fraction(0)
    if index.info.time_base == found.info.time_base and (index.pts == found.pts).all():
        return
    for frame, (expected, got) in enumerate(
        zip(index.pts.tolist(), found.pts.tolist(), strict=True)
    ):
        expected_s, got_s = expected * index.info.time_base, got * found.info.time_base
        if abs(expected_s - got_s) > tolerance:
            raise FidelityError(f"time of frame {frame}: expected {expected_s} s, got {got_s} s")


def _check_picture(expected: VideoInfo, found: VideoInfo) -> None:
    for name in _SAME_SHAPE:
        if getattr(expected, name) != getattr(found, name):
            raise FidelityError(
                f"{name}: expected {getattr(expected, name)}, got {getattr(found, name)}"
            )
    for name in _SAME_COLOURS:
        before, after = getattr(expected, name), getattr(found, name)
        if before != after and before not in _UNSPECIFIED:
            raise FidelityError(f"{name}: expected {before}, got {after}")
    shape = float(expected.sample_aspect_ratio), float(found.sample_aspect_ratio)
    if abs(shape[0] - shape[1]) > 0.005:  # WebM keeps it only as a whole number of pixels
        raise FidelityError(f"sample aspect ratio: expected {shape[0]}, got {shape[1]}")
    if found.n_chapters != expected.n_chapters:
        raise FidelityError(f"chapters: expected {expected.n_chapters}, got {found.n_chapters}")
    for stream in found.streams:  # an MP4 writes its chapters as a data track, too
        if not stream.kept and not (stream.kind == "data" and found.n_chapters):
            raise FidelityError(f"streams: the result holds stream {stream.index}: {stream.why}")


#: 0 and 2 both say "nobody told": an encoder may then tell what it assumes.
_UNSPECIFIED = {0, 2}


def _tracks(source: Source) -> list[_Track]:
    container, _ = open_source(source)
    tracks: dict[int, _Track] = {}
    with container:
        main = main_video(container).index
        for stream in kept_beside(container):
            tracks[stream.index] = _Track(stream.codec_context.codec.canonical_name)
        for packet in decoded(container.demux()):
            track = tracks.get(packet.stream_index)
            if not packet.size or track is None or packet.stream_index == main:
                continue
            if track.codec == "mov_text" and bytes(packet) == _EMPTY_LINE:
                continue
            track.digest.update(memoryview(packet))  # type: ignore[attr-defined]
            track.n_packets += 1
            if track.start_s is None and packet.pts is not None:
                track.start_s = packet.pts * Fraction(packet.time_base)
    return list(tracks.values())


def _check_tracks(expected: list[_Track], found: list[_Track], info: VideoInfo) -> None:
    by_kind: dict[bool, list[_Track]] = defaultdict(list)
    for track in found:
        by_kind[bool(track.n_packets)].append(track)
    wanted = [track for track in expected if track.n_packets]
    if len(wanted) != len(by_kind[True]):
        raise FidelityError(f"copied tracks: expected {len(wanted)}, got {len(by_kind[True])}")
    for number, (before, after) in enumerate(zip(wanted, by_kind[True], strict=True)):
        if before.n_packets != after.n_packets:
            raise FidelityError(
                f"track {number} ({before.codec}): expected {before.n_packets} packets, "
                f"got {after.n_packets}"
            )
        if before.digest.digest() != after.digest.digest():  # type: ignore[attr-defined]
            raise FidelityError(f"track {number} ({before.codec}): its bytes have changed")
        shift = abs((before.start_s or Fraction(0)) - (after.start_s or Fraction(0)))
        if shift > max(Fraction(1, 1000), info.time_base):
            raise FidelityError(f"track {number} ({before.codec}): starts {float(shift):.4f} s off")

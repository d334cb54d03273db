"""Everything about a film that must outlive masking, as ffprobe reads it from a file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ffprobe import Decoded, Packet, Probe, Stream, digest_of_all, first_frame, frame_side_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: A muxer's own words; whatever else stands in a result's tags came from the source.
_OWN_TAGS = {
    "major_brand", "minor_version", "compatible_brands", "DURATION",
    "vendor_id", "language", "title", "alpha_mode", "ALPHA_MODE",
}  # fmt: skip
_OWN_HANDLERS = {"VideoHandler", "SoundHandler", "SubtitleHandler"}
#: "From here on no subtitle": FFmpeg's MP4 muxer adds one behind a line.
_EMPTY_LINE_BYTES = 2


@dataclass(frozen=True)
class Track:
    """A track that is copied: what it is called, its packets' bytes, and when they are due."""

    codec: str
    language: str
    title: str
    dispositions: frozenset[str]
    digests: tuple[str, ...]
    times_s: tuple[Fraction, ...]


@dataclass(frozen=True)
class Kept:
    """One field for each property; ``None`` where a film has it not."""

    frame_times: tuple[Fraction, ...]
    size: tuple[int, int]
    pixel_format: str
    sample_aspect_ratio: Fraction
    display_matrix: str | None
    colours: tuple[str, ...]
    mastering_display: Mapping[str, Any] | None
    light_level: Mapping[str, Any] | None
    interlacing: tuple[str, int, int]
    disposition: frozenset[str]
    language: str
    tracks: tuple[Track, ...]
    chapters: tuple[tuple[Fraction, Fraction, str | None], ...]
    title: str


def kept(path: Path, seen: Probe, video: int, frames: Sequence[Decoded]) -> Kept:
    """The properties of a file whose stream ``video`` is the film."""
    stream = seen.streams[video]
    first = first_frame(path, video)
    return Kept(
        frame_times=tuple(frame.time_s for frame in frames),
        size=(int(first["width"]), int(first["height"])),
        pixel_format=first["pix_fmt"],
        sample_aspect_ratio=_ratio(stream.facts.get("sample_aspect_ratio")),
        display_matrix=(stream.side_data("Display Matrix") or {}).get("displaymatrix"),
        colours=tuple(
            first.get(name, "unknown")
            for name in ("color_range", "color_space", "color_transfer", "color_primaries")
        ),
        mastering_display=_told(stream, first, "Mastering display metadata"),
        light_level=_told(stream, first, "Content light level metadata"),
        interlacing=(stream.facts.get("field_order", "progressive"), first["interlaced_frame"],
                     first["top_field_first"]),
        disposition=stream.dispositions,
        language=_language(stream),
        tracks=tuple(
            _track(path, seen, other)
            for other in [*seen.of_kind("audio"), *seen.of_kind("subtitle")]
        ),
        chapters=tuple((c.start_s, c.end_s, c.title) for c in seen.chapters),
        title=seen.tags.get("title", ""),
    )  # fmt: skip


def differences(source: Kept, result: Kept, tick_s: Fraction) -> dict[str, str]:
    """The properties that differ, with both values.

    Times may be off by half of ``tick_s``, what the result's container counts in.
    """
    out = {}
    for field in fields(Kept):
        before, after = getattr(source, field.name), getattr(result, field.name)
        if field.name == "frame_times":
            same = _same_times(before, after, tick_s)
        elif field.name == "tracks":
            same = len(before) == len(after) and all(
                _same_track(*pair, tick_s) for pair in zip(before, after, strict=True)
            )
        elif field.name == "chapters":
            same = [c[2] for c in before] == [c[2] for c in after] and _same_times(
                [t for c in before for t in c[:2]], [t for c in after for t in c[:2]],
                Fraction(1, 500),
            )  # fmt: skip
        elif field.name == "disposition":
            same = _same_flags(before, after)
        elif field.name == "sample_aspect_ratio":
            same = abs(before - after) < Fraction(1, 200)  # WebM has only whole pixels for it
        else:
            same = before == after
        if not same:
            out[field.name] = f"{before!s:.300} became {after!s:.300}"
    return out


def strangers(result: Probe) -> list[str]:
    """Streams and tags of a result that only its source can have brought there."""
    found = [
        f"{stream.kind} stream {stream.index}"
        for stream in result.streams
        if stream.kind not in {"video", "audio", "subtitle"}
        # an MP4 writes the titles of its chapters as a track of text, too
        and not (result.chapters and stream.facts.get("codec_tag_string") == "text")
    ]
    if len(result.of_kind("video")) != 1:
        found.append(f"{len(result.of_kind('video'))} video streams")
    for tags in (result.tags, *(stream.tags for stream in result.streams)):
        found += [
            f"tag {name}={value}"
            for name, value in tags.items()
            if not (
                name in _OWN_TAGS
                or (name == "handler_name" and value in _OWN_HANDLERS)
                or (name.lower() in {"encoder", "software"} and value.startswith("Lavf6"))
            )
        ]
    return found


def _track(path: Path, seen: Probe, stream: Stream) -> Track:
    packets = [p for p in seen.packets_of(stream) if _says_something(p, stream)]
    digests = tuple(packet.digest for packet in packets)
    times = tuple(packet.time_s or Fraction(0) for packet in packets)
    if stream.codec.startswith("pcm"):  # its samples come in packets of any size
        digests, times = (digest_of_all(path, stream.index),), times[:1]
    return Track(
        codec=stream.codec,
        language=_language(stream),
        title=stream.tags.get("title", ""),
        dispositions=stream.dispositions,
        digests=digests,
        times_s=times,
    )


def _says_something(packet: Packet, stream: Stream) -> bool:
    return stream.codec != "mov_text" or packet.n_bytes > _EMPTY_LINE_BYTES


def _same_track(before: Track, after: Track, tick_s: Fraction) -> bool:
    names = ("codec", "language", "title", "digests")
    return (
        all(getattr(before, name) == getattr(after, name) for name in names)
        and _same_flags(before.dispositions, after.dispositions)
        and _same_times(before.times_s, after.times_s, tick_s)
    )


def _same_flags(before: frozenset[str], after: frozenset[str]) -> bool:
    """A track of an AVI has none; MOV calls it a default one."""
    return before == after or (not before and after == {"default"})


def _same_times(before: Sequence[Fraction], after: Sequence[Fraction], tick_s: Fraction) -> bool:
    return len(before) == len(after) and all(
        abs(one - other) <= tick_s / 2 for one, other in zip(before, after, strict=True)
    )


def _told(stream: Stream, frame: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The frame says it where the stream does not."""
    return stream.side_data(kind) or frame_side_data(frame, kind)


def _language(stream: Stream) -> str:
    return stream.tags.get("language", "und")


def _ratio(text: str | None) -> Fraction:
    return Fraction(text.replace(":", "/")) if text and text != "0:1" else Fraction(1)

"""A second opinion on media files: Debian's ffprobe and ffmpeg, another version than PyAV's.

Times are exact seconds on the file's own clock; what an edit list hides is left out, as a player
leaves it out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

needs_ffprobe = pytest.mark.skipif(
    not (shutil.which("ffprobe") and shutil.which("ffmpeg")),
    reason="needs ffprobe and ffmpeg as a second opinion: apt-get install ffmpeg",
)


@dataclass(frozen=True)
class Stream:
    """A stream as ffprobe describes it; ``facts`` is all that it says, in its own words."""

    index: int
    kind: str
    codec: str
    time_base: Fraction
    facts: Mapping[str, Any]
    tags: Mapping[str, str]
    dispositions: frozenset[str]

    def side_data(self, kind: str) -> Mapping[str, Any] | None:
        """One piece of its side data, such as ``"Display Matrix"``."""
        return _side_data(self.facts, kind)


@dataclass(frozen=True)
class Packet:
    """A packet; ``digest`` is of its bytes. What a demuxer marks to be dropped is ``discarded``."""

    stream: int
    time_s: Fraction | None
    decode_s: Fraction | None
    duration_s: Fraction | None
    is_key: bool
    discarded: bool
    n_bytes: int
    digest: str


@dataclass(frozen=True)
class Chapter:
    """A chapter of the film."""

    start_s: Fraction
    end_s: Fraction
    title: str | None


@dataclass(frozen=True)
class Probe:
    """All that ffprobe says of a file, nothing of it decoded but a little to find out."""

    container: str
    streams: tuple[Stream, ...]
    packets: tuple[Packet, ...]
    chapters: tuple[Chapter, ...]
    tags: Mapping[str, str]

    def of_kind(self, *kinds: str) -> list[Stream]:
        """Its streams of these kinds, in the file's order."""
        return [stream for stream in self.streams if stream.kind in kinds]

    def packets_of(self, stream: Stream) -> list[Packet]:
        """The packets of one stream in decode order."""
        return [packet for packet in self.packets if packet.stream == stream.index]


@dataclass(frozen=True)
class Decoded:
    """A decoded frame: its time, and the md5 of its samples or, where asked for, these."""

    time_s: Fraction
    digest: str
    data: bytes = b""


def probe(path: Path, *options: str) -> Probe:
    """Streams, packets, chapters and tags of a file; ``options`` are for its demuxer."""
    wanted = ("-show_format", "-show_streams", "-show_chapters", "-show_packets")
    told = json.loads(
        _run("ffprobe", *options, *wanted, "-show_data_hash", "md5", "-of", "json", f"file:{path}")
    )
    streams = tuple(_stream(facts) for facts in told["streams"])
    ticks = {stream.index: stream.time_base for stream in streams}
    return Probe(
        container=told["format"]["format_name"],
        streams=streams,
        packets=tuple(
            _packet(facts, ticks[facts["stream_index"]])
            for facts in told["packets"]
            if facts["stream_index"] in ticks
        ),
        chapters=tuple(_chapter(facts) for facts in told["chapters"]),
        tags=told["format"].get("tags", {}),
    )


def first_frame(path: Path, stream: int) -> Mapping[str, Any]:
    """What ffprobe says of the first decoded frame of a stream."""
    for n_packets in ("2", "40"):  # the first ones may be hidden by an edit list
        told = _run(
            *("ffprobe", "-select_streams", str(stream), "-show_frames"),
            *("-read_intervals", f"%+#{n_packets}", "-of", "json", f"file:{path}"),
        )
        frames = json.loads(told)["frames"]
        if frames:
            break
    frame: Mapping[str, Any] = frames[0]
    return frame


def frame_side_data(frame: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """One piece of a frame's side data, such as ``"Mastering display metadata"``."""
    return _side_data(frame, kind)


def digests(path: Path, stream: int, *options: str, strict: bool = True) -> list[Decoded]:
    """Time and md5 of every frame of a stream, as ffmpeg decodes it; not turned upright.

    Any damage is an error if ``strict``; else it is dropped, as a player drops it.
    """
    told = options + (("-xerror",) if strict else ())
    table = _run(*_reading(path, told), *_writing(stream), "-f", "framemd5", "-")
    return _frames(table.decode())


def digest_of_all(path: Path, stream: int) -> str:
    """md5 of all bytes of a stream's packets, however they are cut into packets."""
    copying = ("-i", f"file:{path}", "-map", f"0:{stream}", "-c", "copy", "-f", "md5", "-")
    return _run("ffmpeg", "-nostdin", *copying).decode().strip()


def decoded(
    path: Path, stream: int, *options: str, form: Sequence[str] = ("-f", "rawvideo")
) -> list[Decoded]:
    """Every frame of a stream with its samples; ``form`` is the output's raw format."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table"
        twice = (*_writing(stream), *form, "-", *_writing(stream), *form[2:])
        reading = _reading(path, ("-xerror", *options))
        samples = _run(*reading, *twice, "-f", "framemd5", str(file))
        table = file.read_text()
    frames = _frames(table)
    sizes = [int(line.split(",")[4]) for line in table.splitlines() if line[:1] != "#"]
    assert sum(sizes) == len(samples)
    found, at = [], 0
    for frame, size in zip(frames, sizes, strict=True):
        data = samples[at : at + size]
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == frame.digest
        found.append(Decoded(frame.time_s, frame.digest, data))
        at += size
    return found


def looked_at(path: Path, stream: int, size: tuple[int, int]) -> list[Decoded]:
    """Every frame of a stream: the md5 of all its samples, and a gray picture of it of ``size``."""
    width, height = size
    small = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table"
        twice = (*_writing(stream), *small, "-", *_writing(stream), "-f", "framemd5", str(file))
        samples = _run(*_reading(path, ("-xerror",)), *twice)
        frames = _frames(file.read_text())
    n_bytes = width * height
    assert len(samples) == n_bytes * len(frames)
    return [
        Decoded(frame.time_s, frame.digest, samples[number * n_bytes : (number + 1) * n_bytes])
        for number, frame in enumerate(frames)
    ]


def _reading(path: Path, options: Sequence[str]) -> list[str]:
    command = ["ffmpeg", "-nostdin", "-copyts", "-noautorotate", *options, "-i", f"file:{path}"]
    with path.open("rb") as file:
        is_transport_stream = file.read(1) == b"G" and path.stat().st_size % 188 == 0
    # Of a transport stream, ffmpeg 5.1 moves the times of what it reads to where the earliest track
    # begins, unless it reads that, too.
    whole = ["-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "null", "-"]
    return command + (whole if is_transport_stream else [])


def _writing(stream: int) -> list[str]:
    # The clock of the file, a frame for each that is shown: none doubled, none dropped.
    return ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-enc_time_base", "-1"]


def _frames(table: str) -> list[Decoded]:
    lines = table.splitlines()
    tick = next(Fraction(line.split(":")[1].strip()) for line in lines if line.startswith("#tb"))
    rows = [line.split(",") for line in lines if line[:1] != "#"]
    return [Decoded(int(row[2]) * tick, row[5].strip()) for row in rows]


def _stream(facts: Mapping[str, Any]) -> Stream:
    return Stream(
        index=facts["index"],
        kind=facts.get("codec_type", "unknown"),
        codec=facts.get("codec_name", "unknown"),
        time_base=Fraction(facts["time_base"]),
        facts=facts,
        tags=facts.get("tags", {}),
        dispositions=frozenset(name for name, on in facts["disposition"].items() if on),
    )


def _packet(facts: Mapping[str, Any], tick: Fraction) -> Packet:
    def seconds(name: str) -> Fraction | None:
        return facts[name] * tick if name in facts else None

    return Packet(
        stream=facts["stream_index"],
        time_s=seconds("pts"),
        decode_s=seconds("dts"),
        duration_s=seconds("duration"),
        is_key="K" in facts["flags"],
        discarded="D" in facts["flags"],
        n_bytes=int(facts["size"]),
        digest=facts["data_hash"],
    )


def _chapter(facts: Mapping[str, Any]) -> Chapter:
    tick = Fraction(facts["time_base"])
    title = facts.get("tags", {}).get("title")
    return Chapter(facts["start"] * tick, facts["end"] * tick, title)


def _side_data(facts: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    found = (data for data in facts.get("side_data_list", ()) if data["side_data_type"] == kind)
    return next(found, None)


def _run(*command: str) -> bytes:
    name, *rest = command
    done = subprocess.run([name, "-v", "error", *rest], capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode()[-2000:]}"
    return done.stdout

"""A click stands at the first sample of each flash; in a result it still does, to a millisecond.

Both are read from what Debian's ffmpeg decodes: samples after priming and delays, frames after edit
lists.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
import pytest
from ffprobe import decoded, needs_ffprobe, probe
from synthetic import luma
from walk import index_of, masked, middle

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

pytestmark = needs_ffprobe

WIDTH, HEIGHT, N_FRAMES, SAMPLE_RATE = 160, 96, 48, 48000
FLASHES: Final = (5, 16, 29, 41)
MILLISECOND: Final = Fraction(1, 1000)


@dataclass(frozen=True)
class Recipe:
    """A film of 48 frames in GOPs of 12; ``times_s`` of its frames, ``sound`` is a codec."""

    muxer: str
    sound: str
    times_s: tuple[Fraction, ...]
    b_frames: int = 0
    movflags: str = ""


def steady(start: int = 0) -> tuple[Fraction, ...]:
    """24 frames a second, from frame ``start`` on."""
    return tuple(Fraction(start + n, 24) for n in range(N_FRAMES))


def uneven(start: int = 0) -> tuple[Fraction, ...]:
    """From 1 to 6 hundredths of a second between frames."""
    steps = np.random.default_rng(5).integers(1, 7, N_FRAMES)
    return tuple(Fraction(start + int(n), 100) for n in np.cumsum(steps))


FILMS: dict[str, Recipe] = {
    "AAC in MP4": Recipe("mp4", "aac", steady(), b_frames=2),
    "AAC in MP4, uneven times, a late start": Recipe("mp4", "aac", uneven(30), b_frames=2),
    "AAC in a fragmented MP4": Recipe(
        "mp4", "aac", steady(), b_frames=2, movflags="frag_keyframe+empty_moov"
    ),
    "PCM in MOV, uneven times": Recipe("mov", "pcm_s16le", uneven()),
    "Opus in MKV": Recipe("matroska", "libopus", steady(), b_frames=2),
    "MP2 in TS, a late start": Recipe("mpegts", "mp2", steady(12)),
}


@pytest.mark.parametrize("name", FILMS)
def test_each_click_stays_with_its_flash(name: str, tmp_path: Path) -> None:
    data = film(FILMS[name])
    path = tmp_path / "source"
    path.write_bytes(data)
    before = offsets_s(path)
    assert max(map(abs, before)) < 5 * MILLISECOND, "a codec smears a click by less"
    index = index_of(data)
    few = {13: (middle(),), 15: (middle(),)}
    assert index.to_render(few).tolist() == [False, True, False, False]
    for way, regions in (("clean", {}), ("spliced", few), ("whole", few)):
        folder = tmp_path / way
        folder.mkdir()
        after = offsets_s(masked(data, index, regions, folder, whole=way == "whole"))
        apart = [abs(one - other) for one, other in zip(before, after, strict=True)]
        assert max(apart) < MILLISECOND, (way, [float(value) for value in apart])


def offsets_s(path: Path) -> list[Fraction]:
    """From each flash to its click."""
    seen = probe(path)
    flashes = _flashes_s(path, seen.of_kind("video")[0].index)
    clicks = _clicks_s(path, seen.of_kind("audio")[0].index)
    assert len(flashes) == len(clicks) == len(FLASHES)
    return [click - flash for flash, click in zip(flashes, clicks, strict=True)]


def _flashes_s(path: Path, stream: int) -> list[Fraction]:
    form = ("-f", "rawvideo", "-pix_fmt", "gray")
    # the upper quarter, which no mask covers
    return [frame.time_s for frame in decoded(path, stream, form=form)
            if np.frombuffer(frame.data, np.uint8)[: WIDTH * HEIGHT // 4].mean() > 190]  # fmt: skip


def _clicks_s(path: Path, stream: int) -> list[Fraction]:
    """Where it becomes loud after a tenth of a second of quiet."""
    frames = decoded(path, stream, form=("-f", "f32le", "-c:a", "pcm_f32le"))
    times, loud = [], []
    for frame in frames:
        samples = np.frombuffer(frame.data, "<f4")
        loud += np.flatnonzero(np.abs(samples) > 0.25).tolist()
        times += [frame.time_s] * (len(loud) - len(times))
    at = [time + Fraction(sample, SAMPLE_RATE) for time, sample in zip(times, loud, strict=True)]
    return [now for before, now in zip([Fraction(-1), *at], at, strict=False)
            if now - before > Fraction(1, 10)]  # fmt: skip


def film(recipe: Recipe) -> bytes:
    """The bytes of a film with a click at each flash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        options = {"movflags": recipe.movflags} if recipe.movflags else {}
        with av.open(str(path), "w", format=recipe.muxer, container_options=options) as out:
            packets = [*_picture(out, recipe), *_sound(out, recipe)]
            packets.sort(key=lambda packet: (packet.dts or 0) * Fraction(packet.time_base or 1))
            for packet in packets:
                out.mux_one(packet)
        return path.read_bytes()


def _picture(out: OutputContainer, recipe: Recipe) -> list[Packet[Any]]:
    stream: Any = out.add_stream("libx264", rate=24)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.gop_size, context.thread_count = Fraction(1, 1200), 12, 1
    params = {"bf": str(recipe.b_frames), "sc_threshold": "0", "crf": "18", "preset": "veryfast"}
    context.options = params
    packets = []
    for number, time_s in enumerate(recipe.times_s):
        dark = (luma(number, WIDTH, HEIGHT) // 2).astype(np.uint8)
        light = np.full((HEIGHT, WIDTH), 235, np.uint8)
        gray = av.VideoFrame.from_ndarray(light if number in FLASHES else dark, format="gray")
        frame = gray.reformat(format="yuv420p")
        frame.pts, frame.time_base = int(time_s * 1200), Fraction(1, 1200)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sound(out: OutputContainer, recipe: Recipe) -> list[Packet[Any]]:
    stream: Any = out.add_stream(recipe.sound, rate=SAMPLE_RATE)
    stream.codec_context.layout = "mono"
    sound_format = stream.codec_context.format.name
    samples = _clicks(recipe.times_s)
    size = 1152 if recipe.sound == "mp2" else 960 if recipe.sound == "libopus" else 1024
    packets = []
    for start in range(0, len(samples) - size, size):
        part = samples[None, start : start + size]
        deep = (part * 32767).astype(np.int16) if "s16" in sound_format else part
        frame = av.AudioFrame.from_ndarray(deep, format=sound_format, layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _clicks(times_s: tuple[Fraction, ...]) -> NDArray[np.float32]:
    """Silence, and 8 ms of a loud tone from the first sample of each flash on."""
    samples = np.zeros(int((times_s[-1] + 1) * SAMPLE_RATE), np.float32)
    tone = np.cos(np.arange(384) * 2 * np.pi * 1000 / SAMPLE_RATE) * 0.8
    for flash in FLASHES:
        start = round(times_s[flash] * SAMPLE_RATE)
        samples[start : start + len(tone)] = tone
    return samples

"""H.264 of many kinds, a few frames of two GOPs masked: what Debian's ffmpeg makes of the splices.

Four closed GOPs of 12 frames; the second and the last are rendered, the others copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ffprobe import Decoded, Packet, Probe, decoded, digests, needs_ffprobe, probe
from synthetic import b_frames, plain, variable_rate
from walk import index_of, masked, middle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = needs_ffprobe

WIDTH, HEIGHT = 160, 96
PLANNED = {15, 16, 17, 46}
RENDERED = {*range(12, 24), *range(36, 48)}
INSIDE = slice(28, 68), slice(44, 116)  # well inside of the mask, 24 to 72 and 40 to 120
AROUND = slice(16, 80), slice(32, 128)  # all that its edge can touch
PYRAMID = {"bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}
#: Pairs of kind and container, not all of them: each kind and each container several times.
FILMS: dict[str, Callable[[], bytes]] = {
    "baseline in TS": partial(plain, options={"profile": "baseline"}, muxer="mpegts"),
    "main in MOV": partial(plain, options={"profile": "main", "bf": "2"}, muxer="mov"),
    "main, several slices, in MKV": partial(
        plain, options={"profile": "main", "slices": "3"}, muxer="matroska"
    ),
    "a pyramid of B-frames in MP4": b_frames,
    "a pyramid of B-frames in TS": partial(b_frames, muxer="mpegts"),
    "uneven times in MP4": variable_rate,
    "uneven times and B-frames in MKV": partial(
        variable_rate, options=PYRAMID, muxer="matroska"
    ),
    "full range in TS": partial(plain, colours=(2, 1, 1, 1), muxer="mpegts"),
    "full range, turned, in MP4": partial(
        plain, colours=(2, 5, 6, 5), pix_fmt="yuvj420p", rotation_deg=90
    ),
    "10 bit, HLG, in MP4": partial(plain, pix_fmt="yuv420p10le", colours=(1, 9, 18, 9)),
    "10 bit and B-frames in MKV": partial(
        b_frames, pix_fmt="yuv420p10le", muxer="matroska"
    ),
    "4:2:2 in MOV": partial(plain, pix_fmt="yuv422p", muxer="mov"),
    "fragmented MP4": partial(
        b_frames, muxer_options={"movflags": "frag_keyframe+empty_moov"}, audio=("aac",)
    ),
    "a late start in MP4": partial(
        plain, options=PYRAMID, pts=tuple(range(12, 60)), audio=("aac",)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Film:
    """A file, what ffprobe says of it, and its frames."""

    path: Path
    probe: Probe
    frames: list[Decoded]

    @property
    def packets(self) -> list[Packet]:
        """Those of its picture, in decode order."""
        return self.probe.packets_of(self.probe.of_kind("video")[0])


@pytest.mark.parametrize("kind", FILMS)
def test_only_the_planned_frames_change_and_only_their_gops_are_touched(
    kind: str, tmp_path: Path
) -> None:
    data = FILMS[kind]()
    index = index_of(data)
    assert index.info.whole_because == ""
    assert index.to_render(PLANNED).tolist() == [False, True, False, True]
    path = masked(data, index, dict.fromkeys(PLANNED, (middle(),)), tmp_path)
    (tmp_path / "source").write_bytes(data)
    source, result = (_film(file) for file in (tmp_path / "source", path))
    _check_times(source, result)
    _check_packets(source, result)
    _check_pictures(source.frames, result.frames, index.info.pix_fmt)
    _check_seeks(result)


def _film(path: Path) -> Film:
    seen = probe(path)
    return Film(path, seen, decoded(path, seen.of_kind("video")[0].index))


def _check_times(source: Film, result: Film) -> None:
    assert [f.time_s for f in result.frames] == [f.time_s for f in source.frames]
    if "matroska" in source.probe.container:  # which has no decode times
        return
    before, after = ([packet.decode_s for packet in film.packets] for film in (source, result))
    assert after == before
    assert all(one < other for one, other in pairwise(after))
    assert all(packet.decode_s <= packet.time_s for packet in result.packets)


def _check_packets(source: Film, result: Film) -> None:
    """Copied packets are the source's own; a TS has its own way to cut them, and says so itself."""
    times = [frame.time_s for frame in source.frames]
    before, after = ({p.time_s: p.digest for p in film.packets} for film in (source, result))
    if source.probe.container != "mpegts":
        for number, time in enumerate(times):
            assert (before[time] == after[time]) == (number not in RENDERED), number
    keys = {packet.time_s for packet in result.packets if packet.is_key}
    assert keys == {times[number] for number in (0, 12, 24, 36)}


def _check_pictures(before: Sequence[Decoded], after: Sequence[Decoded], pix_fmt: str) -> None:
    assert len(before) == len(after) == 48
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if number not in RENDERED:
            assert new.digest == old.digest, number
            continue
        one, other = _luma(old, pix_fmt), _luma(new, pix_fmt)
        if number in PLANNED:
            assert other[INSIDE].std() < 4, number
            assert np.abs(other[INSIDE] - one[INSIDE]).mean() > 16, number
            one[AROUND] = other[AROUND]
        assert _psnr(one, other) >= 40, number


def _check_seeks(result: Film) -> None:
    """From each key frame on, the pictures are those of a reading from the start."""
    whole = [(frame.time_s, frame.digest) for frame in result.frames]
    (video,) = result.probe.of_kind("video")
    # A transport stream has no table of key frames: a reader starts anywhere and drops what stands
    # before one. In others ffmpeg goes back a little: ask for a time well behind the key frame.
    in_table = result.probe.container != "mpegts"
    for number in (12, 24, 36):
        at = f"{float(whole[number + 8 * in_table][0]):.6f}"
        seek = ("-seek_timestamp", "1", "-noaccurate_seek", "-ss", at)
        frames = digests(result.path, video.index, *seek, strict=in_table)
        part = [(frame.time_s, frame.digest) for frame in frames]
        assert part == whole[-len(part) :], number
        assert len(part) == 48 - number or not in_table


def _luma(frame: Decoded, pix_fmt: str) -> NDArray[np.float64]:
    """``(96, 160)``, in levels of 8 bit."""
    deep = pix_fmt.endswith("10le")
    samples = np.frombuffer(frame.data, "<u2" if deep else np.uint8, WIDTH * HEIGHT)
    return samples.reshape(HEIGHT, WIDTH) / (4 if deep else 1)


def _psnr(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    error = float(np.mean((one - other) ** 2))
    return 100.0 if error == 0 else float(10 * np.log10(255**2 / error))

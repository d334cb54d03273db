"""A browser plays what was put together of copied and rendered GOPs as if it were of one piece."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from browser import CHROMEDRIVER, CHROMIUM, Browser
from synthetic import b_frames
from walk import index_of, masked, middle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FFMPEG, FFPROBE = shutil.which("ffmpeg"), shutil.which("ffprobe")
DOG = Path("video", "sam2_01_dog.mp4")
#: Where pictures of the pages are kept, for looking at them.
SCREENSHOTS = os.environ.get("BROWSER_SCREENSHOTS")
WIDTH, HEIGHT, N_SEEKS = 160, 90, 20
#: Two programs scale a picture and turn it into RGB each in its own way: levels of 255 apart.
LIKE = 4.0
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER and FFMPEG and FFPROBE),
        reason="needs chromium, chromium-driver and ffmpeg, as Debian packs them",
    ),
]


@dataclass(frozen=True)
class Reference:
    """What ffmpeg shows of a film: when each frame begins; ``(n, HEIGHT, WIDTH, 3)`` uint8 RGB."""

    starts_s: NDArray[np.float64]
    rgb: NDArray[np.uint8]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def spliced(data: bytes, dirty: Sequence[int], folder: Path) -> Path:
    """The film with the middle of the frames ``dirty`` filled; only their GOPs are rendered."""
    path = masked(data, index_of(data), dict.fromkeys(dirty, (middle(),)), folder)
    source = folder / "source"
    source.write_bytes(data)
    kept = [a == b for a, b in zip(packets(source), packets(path), strict=True)]
    assert sorted(set(kept)) == [False, True]
    assert sum(kept) >= len(kept) // 3
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def reference(film: Path) -> Reference:
    probe = [str(FFPROBE), "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
    lines = output([*probe, "-show_entries", "packet=pts_time", str(film)]).decode().split()
    starts = sorted(float(line.split(",")[0]) for line in lines)
    scale = ["-vf", f"scale={WIDTH}:{HEIGHT}:flags=area", "-vsync", "passthrough"]
    frames = [str(FFMPEG), "-v", "error", "-i", str(film), "-map", "0:v:0", *scale]
    raw = output([*frames, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
    rgb = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    assert len(rgb) == len(starts)
    return Reference(np.array(starts), rgb)


def output(command: Sequence[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def plays_to_the_end(browser: Browser, expected: Reference) -> None:
    playback = browser.play(rate=4)
    painted = np.array(playback.painted_s)
    assert (np.diff(painted) > 0).all()
    assert np.abs(painted[:, None] - expected.starts_s[None]).min(axis=1).max() < 1e-3
    assert (playback.n_decoded, playback.n_corrupted) == (len(expected.rgb), 0)


def shows_the_right_frames(
    browser: Browser, expected: Reference, dirty: Sequence[int], name: str
) -> None:
    """After jumps into the middle of a frame, half of them anywhere, half to what was rendered."""
    starts = expected.starts_s
    inside = np.diff(starts).min() / 2
    rng = np.random.default_rng(4)
    half = N_SEEKS // 2
    jumps = rng.permutation([*rng.choice(len(starts), half), *rng.choice(dirty, half)])
    for wanted in jumps.tolist():
        shown = browser.seek(starts[wanted] + inside, WIDTH, HEIGHT)
        assert abs(shown.time_s - starts[wanted]) < 1e-3, wanted
        away = np.abs(expected.rgb.astype(np.int16) - shown.rgb).mean(axis=(1, 2, 3))
        assert (int(away.argmin()), away[wanted] < LIKE) == (wanted, True), (wanted, away[wanted])
        red, green, blue = shown.rgb[HEIGHT // 2, WIDTH // 2].tolist()
        is_filled = min(red, blue) > 180 and green < 60
        assert is_filled == (wanted in dirty), wanted
        if SCREENSHOTS:
            path = Path(SCREENSHOTS, f"{name}-{wanted:03}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(browser.screenshot())


def test_many_short_gops_at_uneven_times_play_and_seek_across_every_seam(
    browser: Browser, tmp_path: Path
) -> None:
    steps = np.random.default_rng(7).integers(1, 10, 95)
    data = b_frames(gop=8, rate=90, pts=(0, *np.cumsum(steps).tolist()))
    dirty = [gop * 8 + frame for gop in (0, 2, 5, 6, 9, 11) for frame in range(8)]
    film = spliced(data, dirty, tmp_path)
    browser.load(film)
    expected = reference(film)
    plays_to_the_end(browser, expected)
    shows_the_right_frames(browser, expected, dirty, "uneven")


def test_a_real_clip_with_one_rendered_gop_plays_and_seeks_across_the_seam(
    browser: Browser, shared_data: Path, tmp_path: Path
) -> None:
    if not (shared_data / DOG).is_file():
        pytest.skip(f"needs the real clip {DOG} in {shared_data}")
    dirty = range(260, 280)  # of the second and last GOP: 250 to 288
    film = spliced((shared_data / DOG).read_bytes(), dirty, tmp_path)
    assert browser.load(film)[:2] == (1280, 720)
    expected = reference(film)
    plays_to_the_end(browser, expected)
    shows_the_right_frames(browser, expected, dirty, "dog")

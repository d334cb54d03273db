"""Threat: bombs of pixels, seconds, frames, streams, packets and words; each has its own code."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import bombs
import pytest
from stub_model import CountingModel
from synthetic import plain

from fearrefactor.core.settings import CutSettings, Limits
from fearrefactor.errors import LimitError
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Callable

#: A child that has looked at nothing yet has used about 80 MB, the greediest of these 170 MB.
MOST_MEMORY_BYTES = 256 << 20

BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a PNG of 69 bytes that says 60 000 × 60 000": (
        partial(bombs.png, bombs.HUGE, bombs.HUGE),
        "limit_pixels",
    ),
    "a PNG that says 12 000 × 12 000": (partial(bombs.png, 12_000, 12_000), "limit_pixels"),
    "a GIF of 35 bytes": (partial(bombs.gif, bombs.HUGE, bombs.HUGE), "limit_pixels"),
    "a BMP of 200 bytes": (partial(bombs.bmp, bombs.HUGE, bombs.HUGE), "limit_pixels"),
    "a JPEG": (partial(bombs.jpeg, bombs.HUGE, bombs.HUGE), "limit_pixels"),
    "a WebP": (partial(bombs.webp, b"VP8X", bombs.HUGE, bombs.HUGE), "limit_pixels"),
    "a film of 38 million pixels": (bombs.wide_film, "limit_pixels"),
    "the same, its header says 160 × 96": (
        lambda: bombs.claiming(bombs.wide_film(), 160, 96),
        "limit_pixels",
    ),
    "a PNG of 300 kB with 300 MB of text": (
        partial(bombs.packed_text, b"zTXt", 300 << 20),
        "limit_metadata",
    ),
    "a PNG with a colour profile of 100 MB": (
        partial(bombs.packed_text, b"iCCP", 100 << 20),
        "limit_metadata",
    ),
    "an MP4 of 2 kB that says 50 million frames": (
        partial(bombs.claiming_frames, 50_000_000),
        "limit_packets",
    ),
    "an MP4 of 2 kB that says 2.1 million frames": (
        partial(bombs.claiming_frames, 2_100_000),
        "limit_frames",
    ),
    "1000 frames in each second": (
        partial(plain, width=32, height=32, n_frames=600, rate=1000),
        "limit_fps",
    ),
    "200 streams": (bombs.many_streams, "limit_streams"),
    "one frame for 30 hours": (
        partial(plain, n_frames=2, rate=24, pts=(0, 30 * 3600 * 24)),
        "limit_duration",
    ),
    "a comment of 5 MB": (
        partial(plain, n_frames=2, tags={"comment": "x" * (5 << 20)}),
        "limit_metadata",
    ),
    "70 000 chapters": (bombs.many_chapters, "limit_metadata"),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_own_code_in_little_memory(name: str, tmp_path: Path) -> None:
    make, code = BOMBS[name]
    path = tmp_path / "upload"
    path.write_bytes(make())
    with path.open("rb") as file, MediaChild(file, tmp_path) as child:
        with pytest.raises(LimitError) as caught:
            child.index(Limits(), CutSettings())
        n_bytes = peak_memory_bytes(child)
    assert caught.value.code == code
    assert f"--limit {code.removeprefix('limit_')}=" in str(caught.value)
    assert n_bytes < MOST_MEMORY_BYTES


def test_a_file_that_is_too_large_is_refused_before_a_byte_of_it_is_read(tmp_path: Path) -> None:
    sparse = tmp_path / "upload.mp4"
    with sparse.open("wb") as file:
        file.truncate((64 << 30) + 1)
    settings = JobSettings(str(tmp_path / "out"), "", S3Settings())
    model = CountingModel()
    with (
        VideoWorker(settings, model, tmp_path) as worker,
        pytest.raises(LimitError, match="68719476737 bytes") as caught,
    ):
        worker.survey(str(sparse))
    assert caught.value.code == "limit_bytes"


def peak_memory_bytes(child: MediaChild) -> int:
    """The most memory that a living child has had at once (Linux)."""
    status = Path(f"/proc/{child._process.pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10

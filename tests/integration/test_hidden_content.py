"""A secret planted wherever a film can hide one is nowhere in what is made of that film.

The scanner is told nothing of where to look, and is shown to find the secret in every source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import planted
import pytest
from ffprobe import needs_ffprobe, probe
from planted import findings, likeness
from synthetic import luma
from walk import copied, index_of, masked, middle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs_ffprobe

#: How it is planted, and where the scanner must see it in the source.
PLACES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "frames that an edit list hides": (lambda: planted.in_hidden_frames(5, 5), {"video 0"}),
    "a hidden GOP": (lambda: planted.in_hidden_frames(12, 0), {"video 0"}),
    "a second video track in MP4": (lambda: planted.in_second_video("mp4"), {"video 1"}),
    "a second video track in MKV": (lambda: planted.in_second_video("matroska"), {"video 1"}),
    "a second video track in TS": (lambda: planted.in_second_video("mpegts"), {"video 1"}),
    "thumbnails of chapters": (planted.in_thumbnails, {"video 1", "jpeg"}),
    "a cover in MP4": (planted.in_cover, {"video 1", "jpeg"}),
    "attachments in MKV": (planted.in_attachments, {"video 1", "jpeg", "word"}),
    "tags in MP4": (lambda: planted.in_tags("mp4"), {"word"}),
    "tags in MOV": (lambda: planted.in_tags("mov"), {"word"}),
    "tags in MKV": (lambda: planted.in_tags("matroska"), {"word"}),
    "boxes beside the film": (planted.in_strange_boxes, {"word", "jpeg"}),
    "telemetry in TS": (planted.in_telemetry, {"word"}),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_secret_is_found_in_the_source_and_nowhere_in_a_result(
    place: str, tmp_path: Path
) -> None:
    plant, where = PLACES[place]
    film = plant()
    source = tmp_path / "source"
    source.write_bytes(film)
    assert findings(source) == where
    index = index_of(film)
    last = index.n_frames - 1
    results = [
        copied(film, index, _folder(tmp_path, "clean")),
        masked(film, index, {last: (middle(),)}, _folder(tmp_path, "masked")),
    ]
    for result in results:
        assert findings(result) == set()
        assert [stream.kind for stream in probe(result).streams] == ["video"]


def test_the_scanner_knows_the_coded_picture_when_it_is_small_and_no_other() -> None:
    small = planted.coded_picture()[::3, ::3].astype(float) + 20
    noise = np.random.default_rng(3).normal(0, 20, small.shape)
    assert likeness(np.clip(small + noise, 0, 255).astype(np.uint8)) > 0.8
    assert max(abs(likeness(luma(index, 160, 96))) for index in range(48)) < 0.3


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder

"""Try 24: uploads that are not what they are called, and would have other files opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import lures
import pytest
import synthetic
from fake_stages import VERSIONS, Tally
from intruders import Canary, Listener
from repacked import Repacked
from stub_model import LampFinder
from values import frame_by_frame

from fearrefactor.core.policy import Policy
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.report import VideoReport

SUFFIXES = (".mp4", ".mkv", ".avi", ".jpg")
RED = Policy(name="red", rules=(frame_by_frame("red", effect="fill"),))


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """A film beside the uploads, which nobody has uploaded."""
    path = tmp_path / "canary.mkv"
    path.write_bytes(synthetic.plain(muxer="matroska", n_frames=4, width=64, height=64))
    watched = Canary(path)
    yield watched
    watched.close()


@pytest.mark.slow
def test_hostile_uploads_reach_nothing_and_none_is_done_as_something_else(
    tmp_path: Path, listener: Listener, canary: Canary, tried: Trial
) -> None:
    # Not of the first packet: in it x264 writes what it writes into every film.
    secrets = [packet[-32:] for packet in Repacked(canary.path.read_bytes()).packets()[1:]]
    assert canary.was_opened()
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "canary.mkv").symlink_to(canary.path)  # where a relative name would lead
    texts = lures.texts(listener.address, str(canary.path))
    for number, (name, text) in enumerate(texts.items()):
        (uploads / f"{name}{SUFFIXES[number % len(SUFFIXES)]}").write_bytes(text)
    films = lures.built_in(listener.address, str(canary.path))
    for name, (suffix, data) in films.items():
        (uploads / f"{name}{suffix}").write_bytes(data)
    reports = {report.id: report for report in mask(tmp_path, uploads)}

    assert {reports[name].code for name in texts} == {"not_a_video"}
    assert {name: reports[name].code for name in films} == {
        "an address in a table": None,  # read from the file itself
        "a path in a table": "truncated",
        "a table that has only a path": "truncated",
        "a playlist for subtitles in AVI": "unsupported",
        "a next segment in Matroska": None,
        "a picture with a playlist behind it": None,
        "a picture with a film behind it": None,
    }
    assert listener.asked == []
    assert not canary.was_opened()
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sum(path.parent.name == "videos" for path in written) == 4
    for path in written:
        data = path.read_bytes()
        assert not any(secret in data for secret in secrets), path
        if path.parent.name == "videos":
            bait = (
                b"EXTM3U",
                b"127.0.0.1",
                b"canary",
                *([b"ftyp"] if path.suffix != ".mp4" else []),
            )
            assert not any(word in data for word in bait), path
    tried(f"{len(reports)} files", f"0 opened, 0 requests, {len(texts) + 3} refused")


def mask(folder: Path, uploads: Path) -> list[VideoReport]:
    """A run over all uploads in this process, with media children as always."""
    scratch = folder / "scratch"
    scratch.mkdir()
    rows = [
        RawRow(number, {"uri": str(path), "id": path.stem})
        for number, path in enumerate(sorted(uploads.iterdir()), start=1)
        if not path.is_symlink()
    ]
    settings = JobSettings(str(folder / "out"), "", S3Settings())
    reports: list[VideoReport] = []
    with VideoWorker(settings, LampFinder(), scratch) as worker:
        stages = InlineStages(worker, LampFinder().card, "lamps")
        context = RunContext(settings, stages, Tally(), VERSIONS)
        videos = requested(rows, lambda _: RED, context)
        asyncio.run(run_videos(videos, context.progress, Hands(1), reports.append))
    assert len(reports) == len(rows)
    return reports

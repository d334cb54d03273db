"""Try 1: ten thousand tiny videos; the driver needs no more memory for the last one."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages
from growth import MIB, Growth
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Night, films, rows_in
from stub_model import LampFinder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.job import Published, Seen


class ForgetfulStages(FakeStages):
    """Steps without a file, a process or a model, of which nothing is kept."""

    def __init__(self) -> None:
        super().__init__({})
        self.card = LampFinder().card
        self.max_videos = 8

    async def finish(self, seen: Seen, rendered: Sequence[object], *, whole: bool) -> Published:
        """As ever."""
        published = await super().finish(seen, rendered, whole=whole)
        self.calls.clear()
        self.finished_with.clear()
        return published


@contextlib.asynccontextmanager
async def forgetful(*_: object) -> AsyncIterator[ForgetfulStages]:
    """Brings them up."""
    yield ForgetfulStages()


@pytest.mark.timeout(600)
def test_a_driver_alone_keeps_next_to_nothing_of_a_row_that_has_ended(
    tmp_path: Path, *, full: bool, tried: Trial
) -> None:
    n_rows = 10_000 if full else 2_000
    rows = [{"id": f"film-{number:05}", "uri": f"/films/{number}"} for number in range(n_rows)]
    night = Night(f"{tmp_path}/out/", rows)
    growth = Growth()
    n_ended = 0

    def count(report: VideoReport) -> None:
        nonlocal n_ended
        assert report.outcome == "clean", report.reason
        n_ended += 1
        if n_ended % (n_rows // 50) == 0:
            growth.look(n_ended)

    report = night.drive_on(forgetful, count)
    assert report.outcomes["clean"] == n_rows == n_ended
    per_thousand = growth.per_thousand(growth.driver_bytes) / MIB
    if full:
        assert per_thousand < 1, growth.driver_bytes
    assert growth.since_half(growth.driver_bytes) < 8 * MIB, growth.driver_bytes
    assert growth.since_half(growth.driver_files) < 5, growth.driver_files
    tried(
        f"{n_rows} rows without videos", f"memory of the driver for 1,000: {per_thousand:+.2f} MiB"
    )


@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("local_ray")
def test_the_memory_of_a_driver_does_not_grow_with_the_manifest(
    night_folder: Path, *, full: bool, tried: Trial
) -> None:
    n_films = int(os.environ.get("RELIABILITY_FILMS", "10000")) if full else 100
    rows = rows_in(night_folder / "films", films(n_films, n_frames=12))
    night = Night(f"{night_folder}/out/", rows, workers=2)
    growth = Growth()
    n_ended = 0

    def count(report: VideoReport) -> None:
        nonlocal n_ended
        assert report.outcome == "masked", report.reason
        n_ended += 1
        if n_ended % (n_films // 50) == 0:
            growth.look(n_ended)

    report = night.drive(count)
    assert report.outcomes["masked"] == n_films == n_ended
    driver = growth.per_thousand(growth.driver_bytes) / MIB
    workers = growth.per_thousand(growth.workers_bytes) / MIB
    if n_films >= 10_000:
        assert driver < 1, growth.driver_bytes
        assert workers < 4, growth.workers_bytes
    else:  # so few tell only of what is not to be overlooked
        assert growth.since_half(growth.driver_bytes) < 16 * MIB, growth.driver_bytes
        assert growth.since_half(growth.workers_bytes) < 32 * MIB, growth.workers_bytes
    assert growth.since_half(growth.driver_files) < 10, growth.driver_files
    assert growth.since_half(growth.workers_files) < 10, growth.workers_files
    assert_invariants(night)
    assert_nothing_is_left(night)
    if full:
        assert_a_rerun_does_nothing(night)
    tried(
        f"{n_films} films of 12 frames",
        "all done",
        f"memory for 1,000 more: driver {driver:+.2f} MiB, worker {workers:+.2f} MiB",
    )

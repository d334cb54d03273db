"""Whole runs of stub films, by a clock; and those that are measured in a process of their own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol import NoProgress
from stub_films import CARD, POLICY, StubStages, film
from stub_ledger import measure_ledger

from fearrefactor.cli.driver import versions
from fearrefactor.cli.environment import Environment
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.cli.sources import rows_of
from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.run_facts import RunHistory
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.journal import LedgerJournal
from fearrefactor.pipeline.run import requested
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import LedgerWriter
from fearrefactor.storage.manifest_file import RawRow, write_manifest
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.job import Survey

    Row = dict[str, str | int | float | bool | None]
    Start = Callable[..., AbstractAsyncContextManager[Any]]

_S3 = S3Settings()


@dataclass
class Clock:
    """Wall seconds, and CPU seconds of this process, of a part of what it does."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """For the length of the block."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def here(n_videos: int, clock: Clock) -> Start:
    """Stages in this process, with so many videos in hand."""

    @contextlib.asynccontextmanager
    async def start(*_: object) -> AsyncIterator[StubStages]:
        with clock.running():
            yield StubStages(n_videos)

    return start


def whole_run(rows: Callable[[], Iterable[RawRow]], start: Start, folder: Path) -> int:
    """A run as ``mask`` does it; answers how many rows are done."""
    settings = RunSettings(
        run_id="night",
        videos=lambda context: requested(rows(), lambda _: POLICY, context),
        count=lambda: sum(1 for _ in rows()),
        policy=POLICY,
        detector=PastDetector(CARD, "stub"),
        job=JobSettings(str(folder), "", _S3),
        cluster=None,
    )
    failed: list[VideoReport] = []

    def keep(video: VideoReport) -> None:
        if video.outcome == "failed":
            failed.append(video)

    environment = Environment(folder / "models", _S3, is_ray_job=False, n_cores=1)
    report = run(settings, environment, NoProgress(), keep, start)
    if failed:
        raise SystemExit(f"{len(failed)} rows failed, the first: {failed[0].reason}")
    return report.n_rows


def films(n_videos: int, n_segments: int, n_dirty: int) -> Iterator[RawRow]:
    """Rows of stub films."""
    for i in range(1, n_videos + 1):
        told = {"id": f"upload-{i:08}", "uri": film(i, n_segments, n_dirty), "user": str(i % 9973)}
        yield RawRow(i, told)


class FirstStep(StubStages):
    """Leaves when the first video is to be surveyed."""

    async def survey(self, uri: str) -> Survey:
        """See ``Stages``."""
        raise SystemExit(uri)


def first_dispatch(manifest: str) -> dict[str, float]:
    """Seconds from the start of a run over a manifest to its first step."""
    clock = Clock()

    @contextlib.asynccontextmanager
    async def start(*_: object) -> AsyncIterator[StubStages]:
        yield FirstStep(64)

    folder = tempfile.TemporaryDirectory(prefix="driver-")
    with folder as name, clock.running(), contextlib.suppress(SystemExit):
        whole_run(lambda: rows_of([manifest], _S3), start, Path(name))
    return {"first_dispatch_s": clock.wall_s}


def take_all(manifest: str) -> dict[str, float]:
    """Seconds to take every row into the ledger, and to do none."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="driver-") as name:
        store = FolderStore(Path(name))
        with LedgerWriter(store, "ledger/", "0001-0000abcd") as writer, clock.running():
            journal = LedgerJournal(writer, FrozenRows(), RunHistory("night"))
            job = JobSettings(name, "", _S3)
            context = RunContext(job, StubStages(1), NoProgress(), versions(), journal)
            videos = requested(rows_of([manifest], _S3), lambda _: POLICY, context)
            n_rows = sum(1 for _ in videos)
    return {"rows": n_rows, "take_all_s": clock.wall_s, "take_all_cpu_s": clock.cpu_s}


def grown(n_videos: int) -> dict[str, float]:
    """Seconds of a run of so many videos in this process."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="driver-") as name:
        whole_run(lambda: films(n_videos, 1, 0), here(32, clock), Path(name))
    return {
        "videos": n_videos,
        "wall_ms_per_video": 1e3 * clock.wall_s / n_videos,
        "driver_cpu_ms_per_video": 1e3 * clock.cpu_s / n_videos,
    }


def in_ledger(n_rows: int) -> dict[str, float]:
    """See ``stub_ledger``."""
    with tempfile.TemporaryDirectory(prefix="driver-") as name:
        return {"rows": n_rows, **measure_ledger(Path(name), n_rows)}


def alone(measure: Callable[..., dict[str, float]], *told: object) -> dict[str, float]:
    """What something takes in a process of its own, with the peak of that one's memory."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_with_peak, measure, *told).result()


def _with_peak(measure: Callable[..., dict[str, float]], *told: object) -> dict[str, float]:
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = measure(*told)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "peak_mb": peak_mb, "peak_mb_before": before_mb}


def measure_manifests(n_rows: int) -> Iterator[Row]:
    """Each kind of manifest."""
    for kind in ("jsonl", "csv", "parquet"):
        with tempfile.TemporaryDirectory(prefix="driver-") as name:
            path = Path(name, f"tonight.{kind}")
            rows = (raw.values for raw in films(n_rows, 1, 0))
            write_manifest(path, rows)  # type: ignore[arg-type]
            row: Row = {"kind": "manifest", "manifest": kind, "rows": n_rows}
            row |= alone(first_dispatch, str(path))
            row["first_dispatch_peak_mb"] = row["peak_mb"]
            yield row | alone(take_all, str(path))

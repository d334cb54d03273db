"""How cost grows: with length, resolution, masked things, segments and workers.

    python benchmarks/growth.py [length resolution objects segments workers] [--quick]

Whole runs as ``fearrefactor mask`` makes them: ledger, media children, audit of a sample, verify,
publish. Only the model is a stub: it sees round things at fixed places, a tenth of the picture
together, wherever they have not been filled. Each run has a process of its own; CPU seconds are
of it and all that it starts. Each axis is measured apart and replaces its own rows of the record.
All of it takes about half an hour, ``--quick`` five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import growth_clips
import numpy as np
import ray
from child_watcher import ChildWatcher
from growth_stub import CARD, POLICY, StubWorker, Things
from protocol import NoProgress, cpu_s
from record import read, record

from fearrefactor.cli.environment import Environment
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.cluster.pool import ActorPool
from fearrefactor.cluster.scheduler import RayStages, connect, disconnect
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.manifest import Row as ManifestRow
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from record import Row

    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.stages import Stages

AXES = ("length", "resolution", "objects", "segments", "workers")


@dataclass(frozen=True)
class Case:
    """One point of an axis. ``workers`` 0 does everything in one process, without Ray."""

    axis: str
    value: float
    seconds: float = 10.0
    height: int = 720
    things: int = 1
    min_segment_frames: int = 240
    workers: int = 0
    videos: int = 1


def cases(axis: str, *, quick: bool) -> list[Case]:
    """The points of an axis."""
    if axis == "length":
        minutes = (1, 3, 10) if quick else (1, 10, 60)
        return [Case(axis, value, seconds=60 * value, height=180) for value in minutes]
    if axis == "resolution":
        heights = (360, 720) if quick else (360, 540, 720, 1080, 1440, 2160)
        return [Case(axis, value, seconds=4, height=value) for value in heights]
    if axis == "objects":
        return [Case(axis, n, things=n, seconds=4 if quick else 10) for n in (0, 1, 10, 50)]
    if axis == "segments":
        frames = (1800, 60) if quick else (1800, 240, 120, 60)
        return [Case(axis, n, seconds=60, height=360, min_segment_frames=n) for n in frames]
    n_videos = 4 if quick else 12
    return [Case(axis, n, workers=n, videos=n_videos, height=360) for n in (1, 2)]


def measure(case: Case, clips: list[Path], output: Path) -> Row:
    """Mask all ``clips`` but the first in this process, or through Ray; the first warms it up."""
    watcher = ChildWatcher()
    warm, *clips = clips
    settings = _settings(case, clips, output)
    environment = Environment(output, S3Settings(), is_ray_job=False, n_cores=1)
    reports: list[VideoReport] = []
    watcher.start()

    @contextlib.asynccontextmanager
    async def start(settings: RunSettings, _: Environment) -> AsyncIterator[Stages]:
        with tempfile.TemporaryDirectory(prefix="growth-") as name:
            async with _staged(case, settings.job, Path(name)) as stages:
                await _warm_up(stages, settings.job, warm, max(1, 4 * case.workers))
                clock.begin()
                yield stages
                clock.end()

    clock = Clock()
    run(settings, environment, NoProgress(), reports.append, start)
    wanted = "masked" if case.things else "clean"
    if {report.outcome for report in reports} != {wanted} or len(reports) != len(clips):
        raise SystemExit(f"{case}: {[(report.code, report.reason) for report in reports]}")
    n_frames = sum(report.n_frames or 0 for report in reports)
    told: Row = {
        "axis": case.axis,
        "value": case.value,
        "frames": n_frames,
        "wall_s": round(clock.wall_s, 2),
        "cpu_s": round(clock.cpu_s, 2),
        "cpu_ms_per_frame": round(1000 * clock.cpu_s / n_frames, 3),
    }
    if not case.workers:
        told["worker_mib"] = round(own_peak_mib())
        told["child_mib"] = round(watcher.peak_mib)
    return told


def own_peak_mib() -> float:
    """The high-water mark of this process; that of ``getrusage`` counts its parent before exec."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


async def _warm_up(stages: Stages, job: JobSettings, clip: Path, times: int) -> None:
    """Libraries are loaded, templates of media children are there."""
    context = RunContext(job, stages, NoProgress(), {})
    rows = [ManifestRow(n, f"warm-{n}", str(clip)) for n in range(times)]
    await asyncio.gather(*(VideoRun(row, POLICY, context).run() for row in rows))


class Clock:
    """Wall and CPU seconds from when the stages stand until all videos are done."""

    def begin(self) -> None:
        """From now on."""
        self.wall_s, self.cpu_s = -time.perf_counter(), -cpu_s()

    def end(self) -> None:
        """Until now."""
        self.wall_s += time.perf_counter()
        self.cpu_s += cpu_s()


@contextlib.asynccontextmanager
async def _staged(case: Case, job: JobSettings, folder: Path) -> AsyncIterator[Stages]:
    if not case.workers:
        with VideoWorker(job, Things(case.things), folder) as worker:
            yield InlineStages(worker, CARD, "stub")
        return
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where actors find their class
    connect(ClusterSettings(workers=case.workers))
    try:
        wanted = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        actor = ray.remote(StubWorker).options(**wanted)
        pool = ActorPool(lambda: actor.remote(job, case.things), case.workers, 1)
        pool.start()
        stages = RayStages(CARD, "stub", (pool, pool), job)
        yield stages
        await stages.close()
    finally:
        disconnect()


def _settings(case: Case, clips: list[Path], output: Path) -> RunSettings:
    rows = [RawRow(n, {"id": str(n), "uri": str(clip)}) for n, clip in enumerate(clips, 1)]
    cut = CutSettings(min_segment_frames=case.min_segment_frames)
    return RunSettings(
        run_id="growth",
        videos=lambda context: requested(rows, lambda _: POLICY, context),
        count=lambda: len(rows),
        policy=POLICY,
        detector=PastDetector(CARD, "stub"),
        job=JobSettings(str(output), "", S3Settings(), cut=cut),
        cluster=None,
    )


def exponent(rows: list[Row]) -> float:
    """Of the power law that fits CPU seconds over frames best: 1 is linear."""
    x = np.log([float(row["frames"] or 0) for row in rows])
    y = np.log([float(row["cpu_s"] or 0) for row in rows])
    return float(np.polyfit(x, y, 1)[0])


def facts(rows: list[Row]) -> dict[str, float]:
    """What the targets are about, of the axes that have been measured."""
    told: dict[str, float] = {}
    length = [row for row in rows if row["axis"] == "length"]
    if length:
        told["length_exponent"] = round(exponent(length), 4)
        for name in ("worker_mib", "child_mib"):
            last, first = float(length[-1][name] or 0), float(length[0][name] or 1)
            told[f"length_{name}_ratio"] = round(last / first, 3)
    workers = [float(row["wall_s"] or 1) for row in rows if row["axis"] == "workers"]
    if workers:
        told["two_workers_speedup"] = round(workers[0] / workers[-1], 3)
    return told


@click.command()
@click.argument("axes", nargs=-1, type=click.Choice(AXES))
@click.option("--quick", is_flag=True, help="Fewer and smaller points, nothing recorded.")
def main(axes: tuple[str, ...], *, quick: bool) -> None:
    """Measure and record."""
    earlier = read("growth")
    kept = [row for row in (earlier.rows if earlier else []) if row["axis"] not in (axes or AXES)]
    rows: list[Row] = []
    spawn = multiprocessing.get_context("spawn")
    for axis in axes or AXES:
        for case in cases(axis, quick=quick):
            with tempfile.TemporaryDirectory(prefix="growth-") as name, spawn.Pool(1) as pool:
                folder = Path(name)
                warm = growth_clips.made(folder / "warm", 360, 1)
                clips = growth_clips.made(folder / "clips", case.height, case.seconds, case.videos)
                rows.append(pool.apply(measure, (case, warm + clips, folder / "out")))
            print(*(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    told = sorted(kept + rows, key=lambda row: AXES.index(str(row["axis"])))
    print(facts(told))
    if not quick:
        print(record("growth", told, facts(told)))


if __name__ == "__main__":
    main()

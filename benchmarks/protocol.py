"""What it costs that nothing is lost and nobody let in: the commit protocol and the sandbox.

    python benchmarks/protocol.py [--clips 200] [--block 20] [--size 1280x720] [--model-ms 91]

Runs of the same short clips (2 s, a thing in the first of three GOPs) follow each other in blocks:

    bare      everything in one process, which parses the clips itself; no ledger, no claims
    children  a locked-in media child for each clip, and another one that verifies its result
    all       a run as it is: children, preflight, ledger, claims, report

All detect, decide, render, audit, assemble, verify and publish alike. The model is a stub that
costs next to nothing, so that differences are not lost in it; what a real one takes, ``--model-ms``
of a core for each frame that it looks at, is added to all alike by calculation. Seconds are of all
processes and cores together. Shares are of throughput, medians over blocks with their range.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import struct
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import av
import click
import numpy as np
from in_process import InProcessMedia

import fearrefactor.pipeline.worker
from fearrefactor.cli.driver import versions
from fearrefactor.cli.environment import Environment
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.core.detections import Instances
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from fearrefactor.core.report import VideoReport

FPS, N_FRAMES, GOP = 30, 60, 20
ARMS = ("bare", "children", "all")
POLICY = Policy(rules=(Rule(classes=("thing",)),))
CARD = ModelCard(name="red", sha256="5" * 64, classes=("thing",), long_side=640, licence="none")
_TICKS = os.sysconf("SC_CLK_TCK")


class RedFinder:
    """A segmenter that sees one thing where the middle of the picture is red."""

    card = CARD

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: np.ndarray) -> Instances:
        height, width, _ = frame.shape
        red, green, _ = frame[height // 2, width // 2].tolist()
        n = int(red > green + 90)
        masks = np.zeros((n, height // 4, width // 4), np.uint8)
        masks[:, height // 10 : height * 3 // 20, width // 10 : width * 3 // 20] = 1
        box = np.array([[width * 0.4, height * 0.4, width * 0.6, height * 0.6]], np.float32)
        score, kind = np.full(n, 0.9, np.float32), np.zeros(n, np.int16)
        return Instances(boxes=box[:n], scores=score, class_ids=kind, masks=masks)


class NoProgress:
    """Tells nobody."""

    def add_work(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_frames(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_video(self, report: VideoReport) -> None:
        """See ``Progress``."""


@dataclass
class Spent:
    """Seconds that a block of clips took, and how many frames a model looked at."""

    wall_s: float
    cpu_s: float
    n_model_frames: int = 0
    reports: list[VideoReport] = field(default_factory=list)


def clips(folder: Path, n: int, width: int, height: int) -> list[RawRow]:
    """Rows of one film with some noise, each a file of other bytes."""
    random = np.random.default_rng(5)
    coarse = random.integers(0, 255, (-(-height // 8), width // 8 + 24, 3), np.uint8)
    wide = coarse.repeat(8, 0).repeat(8, 1)[:height]
    noise = random.integers(0, 12, (height, width, 3), np.uint8)
    first = folder / "clip.mp4"
    with av.open(str(first), "w") as out:
        options = {"crf": "23", "preset": "veryfast", "sc_threshold": "0"}
        stream = out.add_stream("libx264", FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = GOP
        for index in range(N_FRAMES):
            picture = wide[:, 2 * index : 2 * index + width] // 2 + np.roll(noise, index * 7, 1)
            if index < GOP // 2:
                picture[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5] = (
                    *(230, 20, 20),
                )
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    content = first.read_bytes()
    rows = []
    for number in range(1, n + 1):
        path = folder / f"{number}.mp4"
        path.write_bytes(content + struct.pack(">I4sQ", 16, b"free", number))
        rows.append(RawRow(number, {"id": str(number), "uri": str(path)}))
    return rows


def cpu_s() -> float:
    """Of this process and all that it has started, also of those that have ended."""
    parent_of, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (place / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
            parent_of[int(place.name)] = int(told[1])
            ticks[int(place.name)] = sum(map(int, told[11:15]))
    family = {os.getpid()}
    while more := {child for child, parent in parent_of.items() if parent in family} - family:
        family |= more
    return sum(ticks[process] for process in family) / _TICKS


@contextlib.contextmanager
def media_of(arm: str) -> Iterator[None]:
    """Workers parse videos themselves in ``bare``."""
    kind = InProcessMedia if arm == "bare" else MediaChild
    setattr(fearrefactor.pipeline.worker, "MediaChild", kind)  # noqa: B010 - it is no such class
    try:
        yield
    finally:
        setattr(fearrefactor.pipeline.worker, "MediaChild", MediaChild)  # noqa: B010


def block(arm: str, rows: Sequence[RawRow], job: JobSettings, worker: VideoWorker) -> Spent:
    """Do some clips one after the other."""
    stages = InlineStages(worker, CARD, "stub")
    reports: list[VideoReport] = []
    wall, cpu = time.perf_counter(), cpu_s()
    with media_of(arm):
        if arm == "all":
            _whole_run(rows, job, stages, reports)
        else:
            context = RunContext(job, stages, NoProgress(), versions())
            videos = requested(rows, lambda _: POLICY, context)
            asyncio.run(run_videos(videos, NoProgress(), Hands(1), reports.append))
    spent = Spent(time.perf_counter() - wall, cpu_s() - cpu, reports=reports)
    if {report.outcome for report in reports} != {"masked"} or len(reports) != len(rows):
        raise SystemExit(f"{arm}: {[(report.code, report.reason) for report in reports]}")
    spent.n_model_frames = sum(report.n_model_frames for report in reports)
    return spent


def _whole_run(
    rows: Sequence[RawRow], job: JobSettings, stages: InlineStages, reports: list[VideoReport]
) -> None:
    @contextlib.asynccontextmanager
    async def start(*_: object) -> AsyncIterator[InlineStages]:
        yield stages

    settings = RunSettings(
        run_id=f"run-{rows[0].number}",
        videos=lambda context: requested(rows, lambda _: POLICY, context),
        count=lambda: len(rows),
        policy=POLICY,
        detector=PastDetector(CARD, "stub"),
        job=job,
        cluster=None,
    )
    environment = Environment(Path(job.output_root), S3Settings(), is_ray_job=False, n_cores=1)
    run(settings, environment, NoProgress(), reports.append, start)


def measure(n_clips: int, n_block: int, size: str) -> dict[str, list[Spent]]:
    """Blocks of each arm, in turn and in an order that changes."""
    width, height = map(int, size.split("x"))
    found: dict[str, list[Spent]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory(prefix="protocol-") as name, contextlib.ExitStack() as held:
        folder = Path(name)
        rows = clips(folder, n_clips + 1, width, height)
        jobs = {arm: JobSettings(str(folder / arm), "", S3Settings()) for arm in ARMS}
        workers = {
            arm: held.enter_context(VideoWorker(job, RedFinder(), folder))
            for arm, job in jobs.items()
        }
        for arm in ARMS:  # libraries are loaded, the template is there
            block(arm, rows[n_clips:], jobs[arm], workers[arm])
        for number, start in enumerate(range(0, n_clips, n_block)):
            part = rows[start : min(start + n_block, n_clips)]
            turned = ARMS[number % 3 :] + ARMS[: number % 3]
            for arm in turned if number % 2 else reversed(turned):
                found[arm].append(block(arm, part, jobs[arm], workers[arm]))
                shutil.rmtree(folder / arm / "videos")
    return found


def summary(found: dict[str, list[Spent]], model_s: float) -> dict[str, dict[str, float]]:
    """Of each arm: seconds a clip, and its throughput as a share of that of ``bare``."""
    told = {}
    for arm, spent in found.items():
        n_clips = [len(one.reports) for one in spent]
        told[arm] = {
            "wall_s": statistics.median(s.wall_s / n for s, n in zip(spent, n_clips, strict=True)),
            "cpu_s": statistics.median(s.cpu_s / n for s, n in zip(spent, n_clips, strict=True)),
            "model_frames": sum(one.n_model_frames for one in spent) / sum(n_clips),
        }
        for name, cost in (("share", 0.0), ("share_with_model", model_s)):
            shares = [
                (bare.cpu_s + cost * bare.n_model_frames) / (one.cpu_s + cost * one.n_model_frames)
                for bare, one in zip(found["bare"], spent, strict=True)
            ]
            told[arm][name] = statistics.median(shares)
            told[arm][f"{name}_least"], told[arm][f"{name}_most"] = min(shares), max(shares)
    return told


@click.command()
@click.option("--clips", "n_clips", default=200, show_default=True, type=click.IntRange(1))
@click.option("--block", "n_block", default=20, show_default=True, type=click.IntRange(1))
@click.option("--size", default="1280x720", show_default=True)
@click.option("--model-ms", default=91.0, show_default=True, help="Of yolov5s-seg on one core.")
@click.option("--json", "as_json", is_flag=True)
def main(*, n_clips: int, n_block: int, size: str, model_ms: float, as_json: bool) -> None:
    """Measure and print."""
    told = summary(measure(n_clips, n_block, size), model_ms / 1000)
    if as_json:
        head = {"versions": versions(), "clips": n_clips, "size": size, "model_ms": model_ms}
        print(json.dumps({**head, **told}, indent=1))
        return
    for arm, numbers in told.items():
        print(f"{arm:10}", *(f"{name} {value:.3f}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()

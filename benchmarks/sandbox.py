"""What it costs to parse videos in a process of its own, and to lock that process in.

    python benchmarks/sandbox.py [--runs 5] [--json]

A media child is started as a program of its own, which loads its libraries, and as a copy of a
template, which has loaded them: empty ones, and those of whole walks (detect, decide, render,
assemble, verify, publish; two children each) of clips at 720p with a stub for the model. Both ways
follow each other within a run. CPU seconds are of all processes and cores together, the template's
and those of children among them (it is ended, and reaped, before they are read); what the kernel's
own threads do (take down a child's empty network) is in none. The template's own start is told
apart. Medians of the runs are printed; shares are of what two starts cost in a walk, and two
lockings, because what lies between two walks is smaller than what differs from walk to walk.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av
import click
import numpy as np

from fearrefactor.cli.run import versions
from fearrefactor.core.detections import Instances
from fearrefactor.core.manifest import Row
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.media import child_process
from fearrefactor.media.child import MediaChild
from fearrefactor.media.child_environment import child_environment
from fearrefactor.media.child_launch import TEMPLATES, launch, start_program
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

WIDTH, HEIGHT, FPS = 1280, 720, 30
#: Clips: their seconds, and whether there is something to mask.
CLIPS = {"masked, 10 s": (10, True), "masked, 2 s": (2, True), "clean, 10 s": (10, False)}
WAYS = {"program": start_program, "copy": launch}
N_STARTS = 40
_LOCK_PROGRAM = """
import time
from pathlib import Path
from fearrefactor.media.sandbox import lock_in
began = time.perf_counter()
walls = lock_in(Path.cwd(), [Path.cwd()], 8 << 30).walls
print(time.perf_counter() - began)
"""


class Stub:
    """A segmenter that sees one thing, a quarter of the picture, or nothing."""

    def __init__(self, *, sees: bool) -> None:
        name = "sees" if sees else "blind"
        digest = ("1" if sees else "0") * 64
        self.card = ModelCard(
            name=name, sha256=digest, classes=("thing",), long_side=640, licence="none"
        )
        self._n = int(sees)

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``."""
        _, height, width, _ = frames.shape
        masks = np.zeros((self._n, height // 4, width // 4), np.uint8)
        masks[:, height // 16 : height * 3 // 16, width // 16 : width * 3 // 16] = 1
        box = np.array([[width / 4, height / 4, width * 3 / 4, height * 3 / 4]], np.float32)
        found = Instances(
            boxes=box[: self._n],
            scores=np.full(self._n, 0.9, np.float32),
            class_ids=np.zeros(self._n, np.int16),
            masks=masks,
        )
        return [found] * len(frames)


class NoProgress:
    """Tells nobody."""

    def add_work(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_frames(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_video(self, report: VideoReport) -> None:
        """See ``Progress``."""


def film(path: Path, seconds: int) -> None:
    """A texture that moves, with some noise: about what a telephone films."""
    random = np.random.default_rng(5)
    coarse = random.integers(0, 255, (HEIGHT // 8, WIDTH // 8 + 80, 3), np.uint8)
    wide = coarse.repeat(8, 0).repeat(8, 1)
    noise = random.integers(0, 12, (HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", FPS, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 60
        for index in range(FPS * seconds):
            picture = wide[:, 2 * index : 2 * index + WIDTH] // 2 + np.roll(noise, index * 7, 1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())


def cpu_s() -> float:
    """Of this process and of all that have ended under it."""
    TEMPLATES.close()
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def start(n: int) -> tuple[float, float]:
    """Wall and CPU seconds of children that are asked for nothing, and of a template for them."""
    cpu, wall = cpu_s(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(n):
            with MediaChild(io.BytesIO(b"x"), Path(folder)):
                pass
    wall = time.perf_counter() - wall
    return wall, cpu_s() - cpu


def lock() -> float:
    """Wall seconds in which a fresh process locks itself in."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-c", _LOCK_PROGRAM]
        done = subprocess.run(
            command, cwd=folder, env=child_environment(), stdout=subprocess.PIPE, check=True
        )
    return float(done.stdout)


def walk(clip: Path, *, sees: bool) -> tuple[float, float]:
    """Wall and CPU seconds of one video from its row to its report, and of a template for it."""
    cpu, wall = cpu_s(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = JobSettings(folder, "out/", S3Settings(), audit="none")
        stub = Stub(sees=sees)
        policy = Policy(rules=(Rule(classes=("thing",)),))
        with VideoWorker(settings, stub, Path(folder)) as worker:
            stages = InlineStages(worker, stub.card, "stub")
            context = RunContext(settings, stages, NoProgress(), {})
            report = asyncio.run(VideoRun(Row(1, "clip", str(clip)), policy, context).run())
    if report.outcome != ("masked" if sees else "clean"):
        raise SystemExit(f"the clip ended as {report.outcome}: {report.reason}")
    wall = time.perf_counter() - wall
    return wall, cpu_s() - cpu


@click.command()
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True)
def main(*, runs: int, as_json: bool) -> None:
    """Measure and print."""
    told: dict[str, dict[str, list[float]]] = {}

    def tell(name: str, **values: float) -> None:
        for key, value in values.items():
            told.setdefault(name, {}).setdefault(key, []).append(value)

    with tempfile.TemporaryDirectory() as folder:
        films = {name: Path(folder) / f"{name}.mp4" for name in CLIPS}
        for name, path in films.items():
            film(path, CLIPS[name][0])
        for _ in range(runs):
            lock_s = lock()
            tell("locking", wall_s=lock_s)
            for way, how in WAYS.items():
                child_process.launch = how
                first, (wall_s, all_s) = start(1), start(1 + N_STARTS)
                start_s = (all_s - first[1]) / N_STARTS
                template_s = max(0.0, first[1] - start_s)
                tell(f"start, {way}", wall_s=(wall_s - first[0]) / N_STARTS, cpu_s=start_s)
                tell(f"template, {way}", cpu_s=template_s)
                for name, path in films.items():
                    wall_s, all_s = walk(path, sees=CLIPS[name][1])
                    video_s = all_s - template_s
                    shares = {"starting": 2 * start_s / video_s, "locking": 2 * lock_s / video_s}
                    tell(f"{name}, {way}", wall_s=wall_s, cpu_s=video_s, **shares)
    found = {
        name: {key: statistics.median(values) for key, values in row.items()}
        for name, row in told.items()
    }
    if as_json:
        print(json.dumps({"versions": versions(), "n_cores": os.cpu_count(), **found}, indent=1))
        return
    for name, row in found.items():
        print(f"{name:22}", *(f"{key} {value:.4f}" for key, value in row.items()))


if __name__ == "__main__":
    main()

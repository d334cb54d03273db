"""What it costs to parse videos in a process of its own, and to lock that process in.

    python benchmarks/sandbox.py [--runs 5] [--json]

Starts of a media child that locks itself in and of one that does not follow each other, as do whole
walks (detect, decide, render, assemble, verify, publish) of a clip of 10 s at 720p with a stub for
the model: once with a thing in every frame, once with none. A walk starts two children. Seconds are
of all processes and cores together; medians of the runs are printed. Shares are of
two lockings and of two starts in a walk: what lies between two walks is smaller than what differs
from walk to walk.
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
from fearrefactor.media.child import MediaChild
from fearrefactor.media.child_environment import child_environment
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 30, 10
LOCKED = MediaChild.program
#: The same process without its first act.
_OPEN_PROGRAM = """
import sys
from fearrefactor.media.child_main import serve
from fearrefactor.media.sandbox import Start
from fearrefactor.media.sandbox import Confinement
serve(Start(*map(int, sys.argv[1:4]), Confinement((), ())))
"""
OPEN = ("-c", _OPEN_PROGRAM)
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


def film(path: Path) -> None:
    """A texture that moves, with some noise: about what a telephone films."""
    random = np.random.default_rng(5)
    coarse = random.integers(0, 255, (HEIGHT // 8, WIDTH // 8 + 80, 3), np.uint8)
    wide = coarse.repeat(8, 0).repeat(8, 1)
    noise = random.integers(0, 12, (HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", FPS, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 60
        for index in range(FPS * SECONDS):
            picture = wide[:, 2 * index : 2 * index + WIDTH] // 2 + np.roll(noise, index * 7, 1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())


def cpu_s() -> float:
    """Of this process and of its children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def start() -> tuple[float, float]:
    """Wall and CPU seconds of one child that is asked for nothing."""
    wall, cpu = time.perf_counter(), cpu_s()
    with tempfile.TemporaryDirectory() as folder, MediaChild(io.BytesIO(b"x"), Path(folder)):
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
    """Wall and CPU seconds of one video from its row to its report."""
    wall, cpu = time.perf_counter(), cpu_s()
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
    return time.perf_counter() - wall, cpu_s() - cpu


@click.command()
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True)
def main(*, runs: int, as_json: bool) -> None:
    """Measure and print."""
    locking: list[float] = []
    seconds: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        film(clip)
        for _ in range(runs):
            locking.extend(lock() for _ in range(4))
            for name, program in (("open", OPEN), ("locked in", LOCKED)):
                MediaChild.program = program
                seconds.setdefault(f"start, {name}", []).extend(start() for _ in range(4))
                seconds.setdefault(f"masked, {name}", []).append(walk(clip, sees=True))
                seconds.setdefault(f"clean, {name}", []).append(walk(clip, sees=False))
    found = {
        name: {
            "wall_s": statistics.median(wall for wall, _ in told),
            "cpu_s": statistics.median(cpu for _, cpu in told),
        }
        for name, told in seconds.items()
    }
    lock_s = statistics.median(locking)
    for clip_name in ("masked", "clean"):
        whole = found[f"{clip_name}, open"]
        whole["share_of_locking"] = 2 * lock_s / whole["wall_s"]
        whole["share_of_starting"] = 2 * found["start, open"]["cpu_s"] / whole["cpu_s"]
    found["locking"] = {"wall_s": lock_s}
    if as_json:
        print(json.dumps({"versions": versions(), "n_cores": os.cpu_count(), **found}, indent=1))
        return
    for name, told in found.items():
        print(f"{name:20}", *(f"{key} {value:.4f}" for key, value in told.items()))


if __name__ == "__main__":
    main()

"""Peak memory of a worker against the length of the video: 1 minute and 30 minutes of 720p.

    python benchmarks/memory.py [--minutes 1 --minutes 30] [--fps 30]

Each video is synthetic and every frame of it has something to mask, so that all of it is decoded,
planned, rendered, assembled and verified. The worker loads the default model, as a worker does, and
looks at one frame with it; a stub then answers for all frames, or a run would take hours. The
process that works and the largest of its media children are told apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import click
import numpy as np

from fearrefactor.core.detections import Instances
from fearrefactor.core.manifest import Row
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

WIDTH, HEIGHT = 1280, 720


class OneThing:
    """A segmenter that sees one round thing, wandering, in every frame."""

    def __init__(self) -> None:
        self.card = ModelCard(
            name="stub", sha256="0" * 64, classes=("thing",), long_side=640, licence="none"
        )
        self._n = 0

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``."""
        height, width = frames.shape[1] // 4, frames.shape[2] // 4
        rows, columns = np.mgrid[:height, :width]
        found = []
        for _ in frames:
            self._n += 1
            x, y = 20 + self._n % (width - 40), height // 2
            mask = ((columns - x) ** 2 + (rows - y) ** 2 < 15**2).astype(np.uint8)
            box = np.array([[x - 15, y - 15, x + 15, y + 15]], np.float32) * 4
            score, class_id = np.full(1, 0.9, np.float32), np.zeros(1, np.int32)
            found.append(Instances(box, score, class_id, mask[None]))
        return found


class NoProgress:
    """Tells nobody."""

    def add_work(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_frames(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_video(self, report: VideoReport) -> None:
        """See ``Progress``."""


def synthesise(path: Path, minutes: float, fps: int) -> None:
    """H.264 at 2.5 Mbit/s, two-second GOPs: a gradient that drifts under grain, and a block."""
    random = np.random.default_rng(0)
    gradient = np.add.outer(np.arange(HEIGHT * 2), np.arange(WIDTH)).astype(np.uint8) // 2
    grain = random.integers(0, 64, (8, HEIGHT, WIDTH), np.uint8)
    options = {"preset": "ultrafast", "bf": "0"}
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.codec_context.gop_size = 2 * fps
        stream.codec_context.bit_rate = 2_500_000
        for number in range(int(minutes * 60 * fps)):
            picture = gradient[number % HEIGHT : number % HEIGHT + HEIGHT] + grain[number % 8]
            x = number * 4 % (WIDTH - 100)
            picture[300:400, x : x + 100] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


class ChildWatcher(threading.Thread):
    """Reads the high-water marks of all that this process has started, now and then (Linux).

    ``getrusage`` cannot serve: it counts what a child shared with its parent before it was itself.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self._read_children(str(os.getpid()))
            time.sleep(0.1)

    def _read_children(self, pid: str) -> None:
        """Theirs too: media children are copies of a template."""
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has just ended
                for child in tasks.read_text("ascii").split():
                    self._read(child)
                    self._read_children(child)

    def _read(self, pid: str) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
        except OSError:  # it has just ended
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_mib = max(self.peak_mib, int(line.split()[1]) / 1024)


def measure(clip: Path, output: Path) -> dict[str, float]:
    """Mask a clip in this process: frames, seconds, and peak resident MiB."""
    # This model would see its thing through every mask.
    settings = JobSettings(str(output), "", S3Settings(), audit="none")
    policy = Policy(rules=(Rule(classes=("thing",)),))
    cache = cache_dir(os.environ)
    real = load_segmenter(
        resolve(DEFAULT_MODEL, cache), DetectSettings(), device="cpu", threads=1, cache=cache
    )
    real.segment(np.zeros((1, 384, 640, 3), np.uint8))
    model = OneThing()
    watcher = ChildWatcher()
    watcher.start()
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        VideoWorker(settings, model, Path(folder)) as worker,
    ):
        context = RunContext(settings, InlineStages(worker, model.card, "stub"), NoProgress(), {})
        report = asyncio.run(VideoRun(Row(1, "clip", str(clip)), policy, context).run())
    if report.outcome != "masked" or report.n_masked_frames != report.n_frames:
        raise RuntimeError(f"{report.outcome}: {report.reason}")
    return {
        "frames": report.n_frames,
        "seconds": round(time.perf_counter() - start, 1),
        "worker": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "media child": watcher.peak_mib,
    }


@click.command()
@click.option("--minutes", multiple=True, type=float, default=(1.0, 30.0), show_default=True)
@click.option("--fps", default=30, show_default=True)
def main(minutes: tuple[float, ...], fps: int) -> None:
    """Print peak memory by length of the video."""
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in minutes:
            clip = Path(folder) / f"{length:g}.mp4"
            synthesise(clip, length, fps)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                told = pool.apply(measure, (clip, Path(folder) / f"out-{length:g}"))
            first = first or told
            print(f"{length:g} min: {told['frames']} frames in {told['seconds']} s")
            for name in ("worker", "media child"):
                ratio = told[name] / first[name]
                print(f"  {name:12} {told[name]:6.0f} MiB at its peak, {ratio:.2f} of the first")


if __name__ == "__main__":
    main()

"""``fearrefactor mask`` with a scripted model: ``ours.py WEIGHTS CLIP… FOLDER [options]``.

The run is the real one, with its media children, audit, verification, ledger and publishing. What
is scripted is the network's answer alone (see ``scripted.py``): it looks at each frame, its own
answers are read, and then those that a trained one would have given take their place.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from marks import mark
from scripted import CELL, SCORE, box_at, ellipse, marked_at

from fearrefactor.cli.environment import Environment, read_environment
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import Detector, RunSettings
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.detections import Instances
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.settings import ChildSettings
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.vision.canary import Shown, Watched, watch
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.masks import from_prototypes
from fearrefactor.vision.openvino_runtime import OpenVinoSegmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.stages import Stages
    from fearrefactor.vision.catalog import ModelFile

POLICY = Policy(rules=(Rule(classes=("person",)),))
_N_PROTOTYPES = 32


class Scripted:
    """A segmenter that has another one look, and then sees the marked thing where its mark is."""

    def __init__(self, model: OpenVinoSegmenter) -> None:
        self._model = model

    @property
    def card(self) -> ModelCard:
        """Of the one that looks."""
        return self._model.card

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``; a mask is made of prototypes as for any other answer."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: np.ndarray) -> Instances:
        (own,) = self._model.segment(frame[None])
        seen = _seen(frame)
        if len(seen.scores) and not len(own.scores):
            # It found nothing, and has spared itself what an instance costs.
            self._model._compiled.infer_rest(*frame.shape[:2])  # noqa: SLF001
        return seen


def _seen(frame: np.ndarray) -> Instances:
    height, width, _ = frame.shape
    x = marked_at(frame[height // 2])
    boxes = np.array([] if x is None else [box_at(x, width, height)], np.float32).reshape(-1, 4)
    n = len(boxes)
    masks = np.zeros((n, height // CELL, width // CELL), np.uint8)
    if n:
        prototypes = np.zeros((_N_PROTOTYPES, *masks.shape[1:]), np.float32)
        prototypes[0] = ellipse(boxes[0].tolist(), width, height)
        masks = from_prototypes(np.eye(1, _N_PROTOTYPES, dtype=np.float32), prototypes, boxes)
    return Instances(boxes, np.full(n, SCORE, np.float32), np.zeros(n, np.int16), masks)


@dataclass(frozen=True)
class ScriptedShipment:
    """Stands in for ``ModelShipment``: every actor loads the file of this machine."""

    file: ModelFile
    cache: Path
    threads: int

    def load(self) -> Watched:
        """The model, which has seen the mark in a picture of it and must go on seeing it."""
        model = load_segmenter(
            self.file, DetectSettings(), device="cpu", threads=self.threads, cache=self.cache
        )
        picture = np.full((256, 256, 3), 114, np.uint8)
        picture[112:144, 112:144] = 255, 0, 255
        assert isinstance(model, OpenVinoSegmenter)
        return watch(Scripted(model), "", Shown((picture,), "the mark"))


class Quiet:
    """Tells nobody."""

    def add_work(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_frames(self, n_frames: int) -> None:
        """See ``Progress``."""

    def did_video(self, report: VideoReport) -> None:
        """See ``Progress``."""


@contextlib.asynccontextmanager
async def _inline(settings: RunSettings, environment: Environment) -> AsyncIterator[Stages]:
    model = _shipment(settings, environment, environment.n_cores).load()
    with scratch_folder("inline") as folder, VideoWorker(settings.job, model, folder) as worker:
        _start_media(folder)
        mark("ready")
        yield InlineStages(worker, model.card, repr(DetectSettings()))


def _start_media(folder: Path) -> None:
    """Interpreter and imports of media processes belong to the start, as those of any tool do."""
    with Path(os.devnull).open("rb") as nothing, MediaChild(nothing, folder, ChildSettings()):
        pass


@contextlib.asynccontextmanager
async def _on_actors(settings: RunSettings, environment: Environment) -> AsyncIterator[Stages]:
    from fearrefactor.cluster import scheduler
    from fearrefactor.cluster.pool import ActorPool

    assert settings.cluster is not None
    scheduler.connect(settings.cluster)
    try:
        model: Any = _shipment(settings, environment, 1)
        n_workers = settings.cluster.workers or environment.n_cores
        pool = ActorPool(
            lambda: scheduler._actor(settings.job, model, 1, num_cpus=1),  # noqa: SLF001
            n_workers,
            1,
        )
        pool.start()
        card = await scheduler.first_card(pool)
        while len(pool._nodes) < n_workers:  # noqa: ASYNC110, SLF001 - it tells nobody
            await asyncio.sleep(0.05)
        mark("ready")
        stages = scheduler.RayStages(card, repr(DetectSettings()), (pool, pool), settings.job)
        yield stages
        mark("done")
        await stages.close()
    finally:
        scheduler.disconnect()


def _shipment(settings: RunSettings, environment: Environment, threads: int) -> ScriptedShipment:
    assert isinstance(settings.detector, Detector)
    return ScriptedShipment(settings.detector.file, environment.cache, threads)


@click.command()
@click.argument("weights")
@click.argument("clips", nargs=-1, required=True)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--workers", type=int, help="Through Ray; without it inline.")
@click.option("--audit", type=click.Choice(["none", "sampled", "all"]), default="sampled")
@click.option("--stages", is_flag=True, help="All in this process, timed (staged.py); inline only.")
def main(
    *,
    weights: str,
    clips: tuple[str, ...],
    folder: Path,
    workers: int | None,
    audit: Any,
    stages: bool,
) -> None:
    """Mask clips into a folder."""
    environment = replace(read_environment(), n_cores=len(os.sched_getaffinity(0)))
    rows = [RawRow(n, {"id": str(n), "uri": clip}) for n, clip in enumerate(clips, 1)]
    job = JobSettings(str(folder.absolute()), "", environment.s3, audit=audit)
    file = environment.model(weights)
    settings = RunSettings(
        run_id="measured",
        videos=lambda context: requested(rows, lambda _: POLICY, context),
        count=lambda: len(rows),
        policy=POLICY,
        detector=Detector(file, DetectSettings(), "cpu"),
        job=job,
        cluster=None if workers is None else ClusterSettings(workers=workers),
    )
    start = _inline if workers is None else _on_actors
    reports: list[VideoReport] = []
    if stages:
        _time_stages()
    run(settings, environment, Quiet(), reports.append, start)
    if workers is None:
        mark("done")
    failed = [report.reason for report in reports if report.outcome not in {"masked", "clean"}]
    if failed or len(reports) != len(rows):
        raise SystemExit(f"{len(reports)} of {len(rows)} rows ended; failed: {failed[:3]}")
    for report in reports:
        print(f"REPORT {report.model_dump_json()}", flush=True)


def _time_stages() -> None:
    """From here on all is done in this process; it tells what each stage took when it ends."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import staged  # FFmpeg, which a real run never loads here

    staged.install(Scripted)
    atexit.register(staged.tell)


if __name__ == "__main__":
    main()

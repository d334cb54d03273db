"""One run from its settings to its report, by this process or by a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import secrets
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import fearrefactor
from fearrefactor.core.report import RunReport
from fearrefactor.errors import InputError, ManifestError, NotFoundError, StoreError
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.run import run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.locations import locate
from fearrefactor.storage.manifest_file import manifest_kind
from fearrefactor.storage.objects import prove_create_only
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.vision.load import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cluster.scheduler import ClusterSettings
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.pipeline.stages import Stages
    from fearrefactor.pipeline.video import VideoRun
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings

#: Decides what a result is, beside the model and the settings.
_VERSIONED = ("av", "openvino", "torch", "ultralytics")


@dataclass(frozen=True)
class Detector:
    """The model that is to look at frames, and how."""

    file: ModelFile
    settings: DetectSettings
    device: Device


@dataclass(frozen=True)
class PastDetector:
    """The model that looked at the frames of an earlier run, as far as it is known."""

    card: ModelCard
    detect_settings: str


@dataclass(frozen=True)
class RunSettings:
    """What was asked for. ``cluster`` None does everything in this process.

    ``policy`` is that of all rows that name no other one. With a ``PastDetector`` no model is
    loaded, and only what is logged is used.
    """

    run_id: str
    videos: Callable[[RunContext], Iterator[VideoRun | VideoReport]]
    policy: Policy
    detector: Detector | PastDetector
    job: JobSettings
    cluster: ClusterSettings | None

    @property
    def report_key(self) -> str:
        """Where ``videos.parquet`` of this run goes."""
        return f"{self.job.output_prefix}runs/{self.run_id}/videos.parquet"


def run(
    settings: RunSettings,
    environment: Environment,
    progress: Progress,
    on_report: Callable[[VideoReport], None],
) -> RunReport:
    """Do a run and write its ``videos.parquet``.

    Raises:
        InputError: the run id is taken, or a source or policy cannot be used.
        StoreError: the output does not honour create-only writes, or cannot be written.
        ModelError: the model cannot be loaded.
    """
    output = environment.store(settings.job.output_root)
    _check_free(settings, environment)
    prove_create_only(output, f"{settings.job.output_prefix}scratch/preflight-{settings.run_id}")
    report = RunReport(settings.run_id)
    with tempfile.TemporaryDirectory(prefix="fearrefactor-run-") as folder:
        path = Path(folder) / "videos.parquet"
        with ReportWriter(path) as writer:

            def keep(video: VideoReport) -> None:
                report.add(video)
                writer.write(video.model_dump())
                on_report(video)

            asyncio.run(_run(settings, environment, progress, keep))
        output.create(settings.report_key, path, {"run-id": settings.run_id})
    return report


async def _run(
    settings: RunSettings,
    environment: Environment,
    progress: Progress,
    on_report: Callable[[VideoReport], None],
) -> None:
    if settings.cluster is None:
        with _inline_stages(settings, environment) as stages:
            videos = settings.videos(_context(settings, stages, progress))
            await run_videos(videos, progress, 1, on_report)
        return
    from fearrefactor.cluster.scheduler import connect, disconnect, start_media, start_stages

    connect(settings.cluster)
    try:
        seer = settings.detector
        if isinstance(seer, Detector):
            actors = await start_stages(
                settings.job, seer.file, seer.settings, seer.device, settings.cluster
            )
        else:
            actors = start_media(settings.job, seer.card, seer.detect_settings, settings.cluster)
        videos = settings.videos(_context(settings, actors, progress))
        await run_videos(videos, progress, actors.max_videos, on_report)
        actors.stop()
    finally:
        disconnect()


@contextlib.contextmanager
def _inline_stages(settings: RunSettings, environment: Environment) -> Iterator[InlineStages]:
    seer = settings.detector
    segmenter = None
    if isinstance(seer, Detector):
        segmenter = load_segmenter(
            seer.file,
            seer.settings,
            device=seer.device,
            threads=environment.n_cores,
            cache=environment.cache,
        )
        card, told = segmenter.card, repr(seer.settings)
    else:
        card, told = seer.card, seer.detect_settings
    with (
        tempfile.TemporaryDirectory(prefix="fearrefactor-inline-") as folder,
        VideoWorker(settings.job, segmenter, Path(folder)) as worker,
    ):
        yield InlineStages(worker, card, told)


def _context(settings: RunSettings, stages: Stages, progress: Progress) -> RunContext:
    for name in settings.policy.classes:
        stages.card.class_id(name)  # better no run at all than a run in which every row fails
    return RunContext(settings.job, stages, progress, versions())


def new_run_id() -> str:
    """The time and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def versions() -> dict[str, str]:
    """Of this program and of the libraries that decide what a result looks like."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"fearrefactor": fearrefactor.__version__, **found}


def _check_free(settings: RunSettings, environment: Environment) -> None:
    try:
        environment.store(settings.job.output_root).stat(settings.report_key)
    except NotFoundError:
        return
    raise InputError(f"run {settings.run_id} is already there; choose another --run-id")


def is_small(sources: Sequence[str], environment: Environment, limit_bytes: int) -> bool:
    """Whether this is one video or image that a single process does in short order."""
    if len(sources) != 1:
        return False
    if manifest_kind(sources[0]) is not None:
        return False
    try:
        place = locate(sources[0])
        if place.is_prefix:
            return False
        return environment.store(place.store_root).stat(place.key).size_bytes <= limit_bytes
    except (ManifestError, StoreError):  # the row will say so
        return True

"""One run from its settings to its report, by this process or by a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import secrets
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import fearrefactor
from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.ledger import Begun, Taken
from fearrefactor.core.report import RunReport, printable
from fearrefactor.errors import FearRefactorError, InputError, ManifestError, StoreError
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.journal import LedgerJournal
from fearrefactor.pipeline.run import run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_parts
from fearrefactor.storage.locations import locate
from fearrefactor.storage.manifest_file import manifest_kind
from fearrefactor.storage.objects import prove_create_only
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.storage.run_folder import RunFolder
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
    from fearrefactor.storage.ledger import Part
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings

#: Decides what a result is, beside the model and the settings.
_VERSIONED = ("av", "openvino", "torch", "ultralytics")
_SCRATCH = "fearrefactor-run-"


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

    ``count`` says how many rows there are, which may take a while.
    ``policy`` is that of all rows that name no other one. With a ``PastDetector`` no model is
    loaded, and only what is logged is used.
    """

    run_id: str
    videos: Callable[[RunContext], Iterator[VideoRun | VideoReport]]
    count: Callable[[], int]
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
    """Do a run and write its ledger, its ``videos.parquet`` and, if all is done, ``_SUCCESS``.

    A run whose driver died goes on: what it has published is found again.

    Raises:
        InputError: the run is finished, or was begun with other rows, another model or policy; a
            source or policy cannot be used.
        StoreError: the output does not honour create-only writes, or cannot be written.
        ModelError: the model cannot be loaded.
    """
    output = environment.store(settings.job.output_root)
    folder = RunFolder(output, settings.job.output_prefix, settings.run_id)
    if folder.is_reported:
        raise InputError(f"run {settings.run_id} is already there; choose another --run-id")
    parts = list_parts(output, folder.ledger_prefix)
    frozen = _frozen(settings, folder, parts)
    driver = new_driver(parts)
    # Each driver has a key of its own: one that died here may have left its own behind.
    key = f"{settings.job.output_prefix}scratch/preflight-{settings.run_id}-{driver}"
    prove_create_only(output, key)
    report = RunReport(settings.run_id)
    with LedgerWriter(output, folder.ledger_prefix, driver) as writer:
        journal = LedgerJournal(writer, frozen)
        with _watched(journal), tempfile.TemporaryDirectory(prefix=_SCRATCH) as scratch:
            path = Path(scratch) / "videos.parquet"
            with ReportWriter(path) as reports:

                def keep(video: VideoReport) -> None:
                    report.add(video)
                    reports.write(video.model_dump())
                    journal.ended(video)
                    on_report(video)

                asyncio.run(_run(settings, environment, progress, journal, keep))
            folder.keep_report(path)
            journal.finished(report.outcomes)
    if not report.outcomes["failed"]:
        folder.keep_success(report.outcomes)
    return report


def _frozen(settings: RunSettings, folder: RunFolder, parts: Sequence[Part]) -> FrozenRows:
    """The rows that earlier drivers of this run have taken; they asked for the same as this one."""
    frozen = FrozenRows()
    wanted = _model(settings.detector)[1], settings.policy.digest()
    for event in read_parts(folder.store, parts):
        if isinstance(event, Begun) and (event.model_sha256, event.policy_digest) != wanted:
            what = "model" if event.model_sha256 != wanted[0] else "policy"
            raise InputError(
                f"run {settings.run_id} was begun with another {what}; choose another --run-id"
            )
        if isinstance(event, Taken):
            frozen.add(event)
    return frozen


@contextlib.contextmanager
def _watched(journal: LedgerJournal) -> Iterator[None]:
    """The ledger tells why this driver stopped, if it had begun."""
    try:
        yield
    except BaseException as error:
        if journal.has_begun:
            journal.stopped(printable(f"{type(error).__name__}: {error}"))
        raise


def _begin(settings: RunSettings, journal: LedgerJournal) -> None:
    """The ledger tells that this driver begins and, when that is known, how many rows there are."""
    model, policy_digest = _model(settings.detector), settings.policy.digest()
    journal.begun(settings.run_id, versions(), model, policy_digest)

    def count() -> None:
        with contextlib.suppress(FearRefactorError):  # the run itself will meet it
            journal.counted(settings.count())

    threading.Thread(target=count, name="count", daemon=True).start()


def _model(detector: Detector | PastDetector) -> tuple[str, str]:
    """Name and sha256."""
    model = detector.file if isinstance(detector, Detector) else detector.card
    return model.name, model.sha256


async def _run(
    settings: RunSettings,
    environment: Environment,
    progress: Progress,
    journal: LedgerJournal,
    on_report: Callable[[VideoReport], None],
) -> None:
    if settings.cluster is None:
        with _inline_stages(settings, environment) as stages:
            videos = settings.videos(_set_out(settings, stages, progress, journal))
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
        videos = settings.videos(_set_out(settings, actors, progress, journal))
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


def _set_out(
    settings: RunSettings, stages: Stages, progress: Progress, journal: LedgerJournal
) -> RunContext:
    """What the rows share; from here on the ledger says that this driver does the run."""
    for name in settings.policy.classes:
        stages.card.class_id(name)  # better no run at all than a run in which every row fails
    _begin(settings, journal)
    return RunContext(settings.job, stages, progress, versions(), journal)


def new_run_id() -> str:
    """The time and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def versions() -> dict[str, str]:
    """Of this program and of the libraries that decide what a result looks like."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"fearrefactor": fearrefactor.__version__, **found}


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

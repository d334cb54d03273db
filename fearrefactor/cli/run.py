"""One run from its settings to its report, by this process or by a cluster."""

from __future__ import annotations

import asyncio
import importlib.metadata
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import fearrefactor
from fearrefactor.cli.sources import rows_of
from fearrefactor.core.policy_file import builtin_policy, parse_policy
from fearrefactor.core.report import RunReport
from fearrefactor.errors import InputError, ManifestError, NotFoundError, PolicyError, StoreError
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.run import run_rows
from fearrefactor.pipeline.video import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.locations import locate
from fearrefactor.storage.manifest_file import manifest_kind
from fearrefactor.storage.objects import prove_create_only
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.vision.load import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cluster.scheduler import ClusterSettings
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.pipeline.video import Stages
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings

#: Decides what a result is, beside the model and the settings.
_VERSIONED = ("av", "openvino", "torch", "ultralytics")


@dataclass(frozen=True)
class RunSettings:
    """What ``mask`` was asked for. ``cluster`` None does everything in this process."""

    run_id: str
    sources: tuple[str, ...]
    policy: Policy
    model: ModelFile
    detect: DetectSettings
    device: Device
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
    policy_of = _policies(settings.policy, environment)
    rows = rows_of(settings.sources, environment.s3)
    if settings.cluster is None:
        segmenter = load_segmenter(
            settings.model,
            settings.detect,
            device=settings.device,
            threads=environment.n_cores,
            cache=environment.cache,
        )
        with (
            tempfile.TemporaryDirectory(prefix="fearrefactor-inline-") as folder,
            VideoWorker(settings.job, segmenter, Path(folder)) as worker,
        ):
            inline = InlineStages(worker, segmenter, repr(settings.detect))
            context = _context(settings, inline, progress)
            await run_rows(rows, policy_of, context, 1, on_report)
        return
    from fearrefactor.cluster.scheduler import connect, disconnect, start_stages

    connect(settings.cluster)
    try:
        stages = await start_stages(
            settings.job, settings.model, settings.detect, settings.device, settings.cluster
        )
        context = _context(settings, stages, progress)
        await run_rows(rows, policy_of, context, stages.max_videos, on_report)
        stages.stop()
    finally:
        disconnect()


def _context(settings: RunSettings, stages: Stages, progress: Progress) -> RunContext:
    for name in settings.policy.classes:
        stages.card.class_id(name)  # better no run at all than a run in which every row fails
    return RunContext(settings.job, stages, progress, versions())


def versions() -> dict[str, str]:
    """Of this program and of the libraries that decide what a result looks like."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"fearrefactor": fearrefactor.__version__, **found}


def find_policy(spec: str, environment: Environment) -> Policy:
    """A policy by the name of a built-in one, or by a path or address that ends in ``.yaml``.

    Raises:
        PolicyError: there is none, or it cannot be used; the message names the line.
    """
    if not spec.endswith((".yaml", ".yml")):
        return builtin_policy(spec)
    try:
        return parse_policy(environment.read_text(spec), spec)
    except NotFoundError as error:
        raise PolicyError(f"there is no policy file {spec}") from error


def _policies(default: Policy, environment: Environment) -> Callable[[Row], Policy]:
    found: dict[str, Policy] = {}

    def policy_of(row: Row) -> Policy:
        if row.policy is None:
            return default
        if row.policy not in found:
            found[row.policy] = find_policy(row.policy, environment)
        return found[row.policy]

    return policy_of


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

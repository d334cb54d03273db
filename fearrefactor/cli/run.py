"""One run from its settings to its report, by this process or by a cluster."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fearrefactor.cli.driver import Driver, model_of
from fearrefactor.cli.run_page import made_page
from fearrefactor.cli.staging import started
from fearrefactor.cli.stopping import Stopping
from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.ledger import Begun, Ended, Taken
from fearrefactor.core.report import RunReport
from fearrefactor.core.run_facts import RunHistory
from fearrefactor.errors import (
    InputError,
    ManifestError,
    StoreError,
)
from fearrefactor.pipeline.journal import LedgerJournal
from fearrefactor.pipeline.reconcile import settle
from fearrefactor.pipeline.scratch import swept_scratch
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_parts
from fearrefactor.storage.locations import locate
from fearrefactor.storage.manifest_file import manifest_kind
from fearrefactor.storage.objects import prove_create_only
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.run_settings import RunSettings
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.pipeline.stages import Stages
    from fearrefactor.storage.ledger import Part

Staging = Callable[["RunSettings", "Environment"], AbstractAsyncContextManager["Stages"]]


def run(
    settings: RunSettings,
    environment: Environment,
    progress: Progress,
    on_report: Callable[[VideoReport], None],
    start: Staging = started,
) -> RunReport:
    """Do a run and write its ledger, its ``videos.parquet`` and, if all is done, ``_SUCCESS``.

    A run whose driver died goes on: what it has published is found again. ``start`` brings up
    those who do the steps.

    Raises:
        InputError: the run is finished, or was begun with other rows, another model, policy or
            shard; a source or policy cannot be used.
        StoreError: the output does not honour create-only writes, or cannot be written.
        ModelError: the model cannot be loaded.
        StoppedError: a signal came before all rows had ended.
    """
    output = environment.store(settings.job.output_root)
    folder = RunFolder(output, settings.job.output_prefix, settings.run_id)
    if folder.is_reported:
        return _settled(folder)
    parts = list_parts(output, folder.ledger_prefix)
    frozen, history = _earlier(settings, folder, parts)
    name = new_driver(parts)
    # Each driver has a key of its own: one that died here may have left its own behind.
    key = f"{settings.job.output_prefix}scratch/preflight-{settings.run_id}-{name}"
    prove_create_only(output, key)
    report = RunReport(settings.run_id)
    with (
        Stopping(environment.stop_grace_s) as stopping,
        LedgerWriter(output, folder.ledger_prefix, name) as writer,
    ):
        journal = LedgerJournal(writer, frozen, history)
        driver = Driver(settings, folder, name, parts, journal, progress)
        with driver.watched(), swept_scratch("run") as scratch:
            path = scratch / "videos.parquet"
            with ReportWriter(path) as reports:

                def keep(ended: VideoReport) -> None:
                    video = ended.ended(time.time())
                    report.add(video)
                    reports.write(video.model_dump())
                    journal.ended(video)
                    on_report(video)

                asyncio.run(driver.drive(start(settings, environment), stopping, keep))
                reports.tell(history.facts(report.ended_at))
            writer.flush()  # a report stands for a ledger that tells of every row
            folder.keep_report(path)
            journal.finished(report.outcomes)
            report.page = made_page(folder, path)
    if not report.outcomes["failed"]:
        folder.keep_success(report.outcomes, str(settings.shard))
    return report


def _settled(folder: RunFolder) -> RunReport:
    """Of a run whose driver died between its report and ``_SUCCESS``; any other is over."""
    if not folder.is_successful:
        report = settle(folder, time.time(), give_up=False)
        report.page = made_page(folder)
        if not report.outcomes["failed"]:
            return report
    raise InputError(f"run {folder.run_id} is already there; choose another --run-id")


def _earlier(
    settings: RunSettings, folder: RunFolder, parts: Sequence[Part]
) -> tuple[FrozenRows, RunHistory]:
    """What earlier drivers of this run have taken and told; they asked for the same as this one."""
    frozen, history = FrozenRows(), RunHistory(settings.run_id)
    wanted = {
        "model": model_of(settings.detector)[1],
        "policy": settings.policy.digest(),
        "shard": str(settings.shard),
    }
    for event in read_parts(folder.store, parts):
        history.add(event)
        if isinstance(event, Begun):
            begun = event.model_sha256, event.policy_digest, event.shard
            for (what, ours), theirs in zip(wanted.items(), begun, strict=True):
                if ours != theirs:
                    told = f" ({theirs}, not {ours})" if what == "shard" else ""
                    raise InputError(
                        f"run {settings.run_id} was begun with another {what}{told}; choose "
                        "another --run-id"
                    )
        if isinstance(event, Taken):
            frozen.add(event)
        if isinstance(event, Ended):
            frozen.end(event.told)
    return frozen, history


def new_run_id() -> str:
    """The time and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


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

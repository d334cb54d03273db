"""What commands share that do videos of an earlier run again, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fearrefactor.cli.bucket_option import bucket_option
from fearrefactor.cli.child_options import child_options
from fearrefactor.cli.limit_option import limit_option
from fearrefactor.cli.past_run import past_run
from fearrefactor.cli.run_settings import PastDetector
from fearrefactor.cli.verify_option import verify_option
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.report import VideoReport
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.pipeline.logs import Logs
from fearrefactor.storage.report_log import read_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fearrefactor.cli.environment import Environment
    from fearrefactor.storage.locations import Location

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_OPTIONS: Final = (
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Worker processes. [default: this process does everything]",
    ),
    click.option(
        "--ray-address", metavar="ADDRESS", help="Join this Ray cluster ('auto', host:6379)."
    ),
    verify_option,
    limit_option,
    bucket_option,
    child_options,
    click.option(
        "--run-id", metavar="NAME", help="Name of the run. [default: time and a random part]"
    ),
)


def again_options(command: _Command) -> _Command:
    """Give a command the options of a run that needs no model."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def fetched_report(run: str, environment: Environment, folder: Path) -> Path:
    """The ``videos.parquet`` of a run, in ``folder``.

    Raises:
        InputError: this is no run, or it is not done.
        StoreError: it cannot be read.
    """
    path = folder / "videos.parquet"
    try:
        past_run(run, environment).fetch_report(path)
    except NotFoundError as error:
        raise InputError(f"{run} holds no videos.parquet; is that run done?") from error
    return path


def reports_in(path: Path) -> Iterator[VideoReport]:
    """The reports of a ``videos.parquet``."""
    return (VideoReport.model_validate(row) for row in read_reports(path))


def past_detector(
    run: str, report: Path, written: Location, environment: Environment
) -> PastDetector:
    """The model of the earlier run, from the first log that can be read: a run has only one.

    Raises:
        InputError: there is none.
    """
    logs = Logs(environment.store(written.store_root), written.key)
    for told in reports_in(report):
        found = logs.model(told.detections_key) if told.detections_key else None
        if found is not None:
            return PastDetector(*found)
    raise InputError(f"{run}: no video of this run has detections that can be read; mask it anew")


def chosen_cluster(
    workers: int | None, ray_address: str | None, environment: Environment
) -> ClusterSettings | None:
    """Who does the work; None: this process."""
    if workers is None and ray_address is None and not environment.is_ray_job:
        return None
    return ClusterSettings(ray_address, workers, None, environment.is_ray_job)

"""``fearrefactor render``: another policy over videos that were looked at before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from fearrefactor.cli.bucket_option import bucket_option, owned_by
from fearrefactor.cli.child_options import child_options, chosen_child
from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.limit_option import limit_option
from fearrefactor.cli.past_run import output_of, past_run
from fearrefactor.cli.policy_options import chosen_policy, policy_options
from fearrefactor.cli.run import new_run_id
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.cli.summary import run_and_tell
from fearrefactor.cli.verify_option import verify_option
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.report import VideoReport
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.logs import Logs
from fearrefactor.pipeline.run import rendered_again
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.storage.report_log import read_reports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from fearrefactor.cli.environment import Environment
    from fearrefactor.core.settings import Limits, VerifyMode
    from fearrefactor.storage.locations import Location


@click.command()
@click.option(
    "--from",
    "from_run",
    required=True,
    metavar="RUN",
    help="The earlier run: the folder or s3:// address …/runs/ID that holds its videos.parquet.",
)
@click.option(
    "--output",
    "-o",
    metavar="DEST",
    help="A folder or s3://bucket/prefix. [default: where the earlier run wrote]",
)
@policy_options
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes. [default: this process does everything]",
)
@click.option("--ray-address", metavar="ADDRESS", help="Join this Ray cluster ('auto', host:6379).")
@verify_option
@limit_option
@bucket_option
@child_options
@click.option("--run-id", metavar="NAME", help="Name of the run. [default: time and a random part]")
@click.option(
    "--contact-sheet",
    is_flag=True,
    help="Also write a PNG of moments before and after masking. It shows what was masked.",
)
def render(
    *,
    from_run: str,
    output: str | None,
    workers: int | None,
    ray_address: str | None,
    verify: VerifyMode,
    limits: Limits,
    bucket_owner: str | None,
    media_memory: float,
    patience: float,
    require_sandbox: bool,
    run_id: str | None,
    contact_sheet: bool,
    **wanted: Any,
) -> None:
    """Mask the videos of an earlier run by another policy, from what was seen then.

    No model is loaded. A video that has changed since, or whose detections are gone, fails with
    its reason. Exit codes are those of 'mask'.
    """
    environment = owned_by(read_environment(), bucket_owner)
    policy = chosen_policy(environment, **wanted)
    written = output_of(from_run)
    destination = locate_prefix(output) if output is not None else written
    with scratch_folder("render") as folder:
        report = _fetch_report(from_run, environment, folder)
        elsewhere = written if destination != written else None
        settings = RunSettings(
            run_id=run_id or new_run_id(),
            videos=lambda context: rendered_again(_reports(report), policy, context),
            count=lambda: sum(1 for _ in read_reports(report)),
            policy=policy,
            detector=_past_detector(from_run, report, written, environment),
            job=JobSettings(
                destination.store_root,
                destination.key,
                environment.s3,
                limits=limits,
                child=chosen_child(media_memory, patience, require_sandbox=require_sandbox),
                logs=elsewhere,
                audit="none",  # there is no model
                verify=verify,
            ),
            cluster=_cluster(workers, ray_address, environment),
        )
        raise SystemExit(
            run_and_tell(settings, environment, Console(), contact_sheet=contact_sheet)
        )


def _fetch_report(run: str, environment: Environment, folder: Path) -> Path:
    path = folder / "videos.parquet"
    try:
        past_run(run, environment).fetch_report(path)
    except NotFoundError as error:
        raise InputError(f"{run} holds no videos.parquet; is that run done?") from error
    return path


def _reports(path: Path) -> Iterator[VideoReport]:
    return (VideoReport.model_validate(row) for row in read_reports(path))


def _past_detector(
    run: str, report: Path, written: Location, environment: Environment
) -> PastDetector:
    """The model of the earlier run, from the first log that can be read: a run has only one."""
    logs = Logs(environment.store(written.store_root), written.key)
    for told in _reports(report):
        found = logs.model(told.detections_key) if told.detections_key else None
        if found is not None:
            return PastDetector(*found)
    raise InputError(f"{run}: no video of this run has detections that can be read; mask it anew")


def _cluster(
    workers: int | None, ray_address: str | None, environment: Environment
) -> ClusterSettings | None:
    if workers is None and ray_address is None and not environment.is_ray_job:
        return None
    return ClusterSettings(ray_address, workers, None, environment.is_ray_job)

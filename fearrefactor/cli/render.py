"""``fearrefactor render``: another policy over videos that were looked at before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from fearrefactor.cli.again import (
    again_options,
    chosen_cluster,
    fetched_report,
    past_detector,
    reports_in,
)
from fearrefactor.cli.bucket_option import owned_by
from fearrefactor.cli.child_options import chosen_child
from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.night_options import begun_night, night_options
from fearrefactor.cli.past_run import output_of
from fearrefactor.cli.policy_options import chosen_policy, policy_options
from fearrefactor.cli.run import new_run_id
from fearrefactor.cli.run_settings import RunSettings
from fearrefactor.cli.summary import run_and_tell
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import rendered_again
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.storage.report_log import read_reports

if TYPE_CHECKING:
    from typing import Any

    from fearrefactor.cli.notices import Notices
    from fearrefactor.core.settings import Limits, VerifyMode
    from fearrefactor.notify.notice import Channel
    from fearrefactor.pipeline.log_lines import LogFormat, LogLevel, LogSettings


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
@again_options
@night_options
@click.option(
    "--contact-sheet",
    is_flag=True,
    help="Also write a PNG of moments before and after masking. It shows what was masked.",
)
def render(
    *,
    from_run: str,
    output: str | None,
    run_id: str | None,
    notify: tuple[Channel, ...],
    log_format: LogFormat,
    log_level: LogLevel,
    **asked: Any,
) -> None:
    """Mask the videos of an earlier run by another policy, from what was seen then.

    No model is loaded. A video that has changed since, or whose detections are gone, fails with
    its reason. Exit codes are those of 'mask'.
    """
    name, to = run_id or new_run_id(), output or from_run
    notices, log = begun_night(name, to, notify=notify, log_format=log_format, log_level=log_level)
    with notices:
        code = _render(
            from_run=from_run, output=output, run_id=name, notices=notices, log=log, **asked
        )
    raise SystemExit(code)


def _render(
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
    run_id: str,
    contact_sheet: bool,
    notices: Notices,
    log: LogSettings,
    **wanted: Any,
) -> int:
    environment = owned_by(read_environment(), bucket_owner)
    policy = chosen_policy(environment, **wanted)
    written = output_of(from_run)
    destination = locate_prefix(output) if output is not None else written
    with scratch_folder("render") as folder:
        report = fetched_report(from_run, environment, folder)
        elsewhere = written if destination != written else None
        settings = RunSettings(
            run_id=run_id,
            videos=lambda context: rendered_again(reports_in(report), policy, context),
            count=lambda: sum(1 for _ in read_reports(report)),
            policy=policy,
            detector=past_detector(from_run, report, written, environment),
            job=JobSettings(
                destination.store_root,
                destination.key,
                environment.s3,
                limits=limits,
                child=chosen_child(media_memory, patience, require_sandbox=require_sandbox),
                logs=elsewhere,
                audit="none",  # there is no model
                verify=verify,
                log=log,
            ),
            cluster=chosen_cluster(workers, ray_address, environment),
        )
        return run_and_tell(
            settings, environment, Console(), contact_sheet=contact_sheet, notices=notices
        )

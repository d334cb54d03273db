"""``fearrefactor review``: videos that a person is to look at, and what becomes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.again import (
    again_options,
    chosen_cluster,
    fetched_report,
    past_detector,
)
from fearrefactor.cli.bucket_option import owned_by
from fearrefactor.cli.child_options import chosen_child
from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.past_run import output_of, past_run
from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.cli.run import new_run_id, run
from fearrefactor.cli.run_settings import RunSettings
from fearrefactor.cli.summary import run_and_tell
from fearrefactor.core.decisions import Decision, Decisions
from fearrefactor.core.decisions_file import LIMIT_BYTES, parse_decisions
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.moderated import moderated_videos
from fearrefactor.pipeline.moderation import moderated
from fearrefactor.pipeline.publish import Output
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.report_log import read_facts, read_reports
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.cli.environment import Environment
    from fearrefactor.core.settings import Limits, VerifyMode
    from fearrefactor.pipeline.stages import RunContext


@click.group()
def review() -> None:
    """Look at the videos that a policy wants a person to see first, and decide about them.

    RUN is the folder or s3:// address …/runs/ID of a run that is done. docs/review.md says how.
    """


@review.command(name="list")
@click.argument("run_uri", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, with their checksums.")
def list_videos(run_uri: str, *, as_json: bool) -> None:
    """List the videos of RUN that are for review, why, and where they are."""
    environment = read_environment()
    store = past_run(run_uri, environment).store
    with scratch_folder("review") as folder:
        found = list(_for_review(fetched_report(run_uri, environment, folder)))
    if as_json:
        click.echo(json.dumps([_told(video, store.uri(str(video.output_key))) for video in found]))
        return
    table = Table(title=f"{len(found)} videos for review", title_justify="left")
    for name in ("row", "video", "masked", "why", "where"):
        table.add_column(name, overflow="fold")
    for video in found:
        share = f"{100 * (video.n_masked_frames or 0) / max(video.n_frames or 0, 1):.0f} %"
        uri = store.uri(str(video.output_key))
        table.add_row(str(video.row), printable(video.id, 60), share, video.reason or "", uri)
    Console().print(table, markup=False)


@review.command()
@click.argument("run_uri", metavar="RUN")
@click.option("--by", required=True, metavar="NAME", help="Who decides.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, which is not there yet. [default: print it]",
)
@click.option("--json", "as_json", is_flag=True, help="With --output: print the count as JSON.")
def template(run_uri: str, by: str, output: Path | None, *, as_json: bool) -> None:
    """Make a file of decisions about all videos of RUN that are for review, to be edited.

    In it every one is rejected: whoever forgets one publishes nothing by that.
    """
    environment = read_environment()
    with scratch_folder("review") as folder:
        found = list(_for_review(fetched_report(run_uri, environment, folder)))
    if not found:
        raise InputError(f"{run_uri}: no video of this run is for review")
    decisions = Decisions(
        run_id=past_run(run_uri, environment).run_id,
        by=by,
        at=datetime.now(UTC).replace(microsecond=0),
        decisions=tuple(_rejected(video) for video in found),
    )
    text = decisions.model_dump_json(indent=2, exclude_none=True)
    if output is None:
        click.echo(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError as error:
        raise InputError(f"{output} is already there; choose another name") from error
    said = {"decisions": str(output), "videos": len(found)}
    click.echo(json.dumps(said) if as_json else f"{len(found)} decisions written to {output}")


@review.command()
@click.argument("decisions", metavar="DECISIONS")
@click.option(
    "--run",
    "from_run",
    required=True,
    metavar="RUN",
    help="The run that the decisions are about: its folder or s3:// address …/runs/ID.",
)
@again_options
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON.")
def apply(
    *,
    decisions: str,
    from_run: str,
    workers: int | None,
    ray_address: str | None,
    verify: VerifyMode,
    limits: Limits,
    bucket_owner: str | None,
    media_memory: float,
    patience: float,
    require_sandbox: bool,
    run_id: str | None,
    as_json: bool,
) -> None:
    """Do what DECISIONS, a JSON file here or on S3, says about videos for review.

    It is a run of its own, beside the one that the decisions are about, and loads no model. If
    anything in the file does not fit to that run or to what is stored now, nothing is done. Exit
    codes are those of 'mask'; a rejected video counts as failed.
    """
    environment = owned_by(read_environment(), bucket_owner)
    content = _read(decisions, environment)
    parsed = parse_decisions(content, decisions)
    earlier, written = past_run(from_run, environment), output_of(from_run)
    new = RunFolder(earlier.store, earlier.output_prefix, run_id or new_run_id())
    output = Output(earlier.store, earlier.output_prefix)
    with scratch_folder("review") as folder:
        report = fetched_report(from_run, environment, folder)
        detector = past_detector(from_run, report, written, environment)
        facts = read_facts(report)
        wanted = {decision.row for decision in parsed.decisions}
        rows = (row for row in read_reports(report) if row["row"] in wanted)
        reports = map(VideoReport.model_validate, rows)
        found = moderated(parsed, earlier, reports, facts, detector.card)

        def videos(context: RunContext) -> Iterator[Any]:
            new.keep_decisions(content)
            return moderated_videos(found, output, context)

        settings = RunSettings(
            run_id=new.run_id,
            videos=videos,
            count=lambda: len(found),
            policy=found[0].policy,
            detector=detector,
            job=JobSettings(
                written.store_root,
                written.key,
                environment.s3,
                limits=limits,
                child=chosen_child(media_memory, patience, require_sandbox=require_sandbox),
                audit="none",  # there is no model
                verify=verify,
            ),
            cluster=chosen_cluster(workers, ray_address, environment),
        )
        raise SystemExit(_done(settings, environment, new, as_json=as_json))


def _done(
    settings: RunSettings, environment: Environment, folder: RunFolder, *, as_json: bool
) -> int:
    """Do the run and tell; answers the exit code."""
    if not as_json:
        return run_and_tell(settings, environment, Console(), contact_sheet=False)
    with ConsoleProgress(Console(stderr=True)) as progress:
        report = run(settings, environment, progress, lambda _: None)
    told = {
        "run": folder.uri,
        "rows": report.n_rows,
        "outcomes": dict(report.outcomes),
        "codes": dict(report.codes),
    }
    click.echo(json.dumps(told))
    return int(report.exit_code)


def _read(uri: str, environment: Environment) -> bytes:
    try:
        return environment.read_bytes(uri, LIMIT_BYTES + 1)
    except NotFoundError as error:
        raise InputError(f"there is no file of decisions {uri}") from error


def _for_review(report: Path) -> Iterator[VideoReport]:
    # Most rows of a night are for nobody: they are not even made into reports.
    rows = (row for row in read_reports(report) if row["outcome"] == "review")
    return map(VideoReport.model_validate, rows)


def _told(video: VideoReport, uri: str) -> dict[str, Any]:
    return {
        "row": video.row,
        "id": video.id,
        "output_sha256": video.output_sha256,
        "reason": video.reason,
        "n_frames": video.n_frames,
        "n_masked_frames": video.n_masked_frames,
        "place": uri,
    }


def _rejected(video: VideoReport) -> Decision:
    return Decision(
        row=video.row,
        id=video.id,
        output_sha256=str(video.output_sha256),
        decision="reject",
    )

"""``fearrefactor reconcile``: the report of a run whose driver died."""

from __future__ import annotations

import json
import time

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.past_run import past_run
from fearrefactor.cli.run_page import made_page
from fearrefactor.pipeline.reconcile import settle


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--give-up",
    is_flag=True,
    help="Report also where rows of the manifest were never taken; the run cannot go on then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reconcile(run: str, *, give_up: bool, as_json: bool) -> None:
    """Write videos.parquet of a run whose driver died, without doing any work.

    RUN is its folder or s3:// address …/runs/ID. A row that the driver had in hand is done if its
    result was published, else it failed with the code 'interrupted', and 'retry' names it. Nothing
    happens to a run that has its report. Exit codes are those of 'mask'.
    """
    folder = past_run(run, read_environment())
    report = settle(folder, time.time(), give_up=give_up)
    report.page = made_page(folder)
    if as_json:
        told = {
            "run": folder.uri,
            "rows": report.n_rows,
            "outcomes": dict(report.outcomes),
            "codes": dict(report.codes),
            "page": report.page,
        }
        click.echo(json.dumps(told))
    else:
        outcomes = ", ".join(f"{n} {name}" for name, n in sorted(report.outcomes.items()))
        click.echo(f"{report.n_rows} rows: {outcomes or 'none'}")
        click.echo(f"report      {folder.store.uri(folder.report_key)}")
        if report.page:
            click.echo(f"page        {report.page}")
    raise SystemExit(int(report.exit_code))

"""``fearrefactor retry``: a manifest of what failed and may do better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.past_run import past_run, state_of
from fearrefactor.core.codes import MAY_BE_RETRIED
from fearrefactor.core.ledger import Taken
from fearrefactor.errors import InputError
from fearrefactor.storage.ledger import read_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.storage.run_folder import RunFolder


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The manifest to write, a .jsonl file that is not there yet. [default: print it]",
)
@click.option("--json", "as_json", is_flag=True, help="With --output: print the count as JSON.")
def retry(run: str, output: Path | None, *, as_json: bool) -> None:
    """Make a manifest of the rows of a run that failed for a reason that may pass.

    RUN is its folder or s3:// address …/runs/ID, of a run that has ended or was reconciled. Give
    the manifest to 'mask' under another --run-id.
    """
    rows = _rows(past_run(run, read_environment()))
    if output is None:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if output.suffix != ".jsonl":
        raise InputError(f"{output}: expected a name that ends in .jsonl")
    n_rows = _write(output, rows)
    said = {"manifest": str(output), "rows": n_rows}
    click.echo(json.dumps(said) if as_json else f"{n_rows} rows written to {output}")


def _rows(run: RunFolder) -> Iterator[dict[str, Any]]:
    state = state_of(run)
    told: set[int] = set()
    for event in read_events(run.store, run.ledger_prefix):
        if not isinstance(event, Taken) or event.row in told:
            continue
        end = state.end_of(event.row)
        if end is not None and end[0] == "failed" and MAY_BE_RETRIED.get(end[1], False):
            told.add(event.row)
            policy = {"policy": event.policy} if event.policy else {}
            yield {**event.extra, "id": event.id, "uri": event.uri, **policy}


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    if path.exists():
        raise InputError(f"{path} is already there; move it away or choose another name")
    partial = path.with_name(f"{path.name}.partial")
    n_rows = 0
    try:
        with partial.open("w", encoding="utf-8") as file:
            for row in rows:
                n_rows += 1
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return n_rows

"""``fearrefactor sql``: questions to what runs have left."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import decimal
import json
import math
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.whole_file import check_free, write_whole
from fearrefactor.core.report import printable
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate_prefix

if TYPE_CHECKING:
    from fearrefactor.report.query import Answer
    from fearrefactor.report.run_files import RunFiles

#: More rows than this are for a file, not for a screen.
_N_SHOWN: Final = 200


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("query", metavar="QUERY", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON, a list of objects.")
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all rows to this Parquet file.",
)
def sql(run: str, query: str | None, *, as_csv: bool, as_json: bool, parquet: Path | None) -> None:
    """Ask in SQL what was done; nothing can be changed that way.

    RUN is the folder or s3:// address of a run …/runs/ID, or of an output with all of its runs.
    QUERY is one SELECT, as DuckDB reads it; without it tables and columns are listed. Only files of
    tables that it names are read. docs/questions.md has the questions of every day.
    """
    from fearrefactor.report.query import Question, asked  # DuckDB, which nobody else needs

    if as_csv + as_json + (parquet is not None) > 1:
        raise click.UsageError("--csv, --json and --parquet: choose one of them")
    if query is None:
        _list_tables(as_json=as_json)
        return
    if parquet is not None:
        check_free(parquet)
    question = Question(query)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("sql"))
        files, run_id = _files_of(run, folder)
        answer = stack.enter_context(asked(question, files, run_id))
        if parquet is not None:
            path, n_rows = answer.write()
            write_whole(parquet, path)
            click.echo(f"{n_rows} rows written to {parquet}")
        elif as_csv:
            _print_csv(answer)
        elif as_json:
            _print_json(answer)
        else:
            _print_table(answer, Console())


def _files_of(run: str, folder: Path) -> tuple[RunFiles, str | None]:
    """The files of the output that ``run`` is, or is a part of; and which run is meant, if one."""
    from fearrefactor.report.run_files import RunFiles

    place = locate_prefix(run)
    root, prefix, run_id = place.store_root, place.key, None
    path = PurePosixPath(prefix or root)
    if path.parent.name == "runs":
        run_id, above = path.name, str(path.parent.parent)
        if prefix:
            prefix = "" if above == "." else f"{above}/"
        else:
            root = above
    store = read_environment().store(root)
    return RunFiles(store, prefix, folder, lambda text: click.echo(text, err=True)), run_id


def _list_tables(*, as_json: bool) -> None:
    from fearrefactor.report.query import columns_of_tables
    from fearrefactor.report.tables import TABLES

    columns = columns_of_tables()
    if as_json:
        told = {name: {one.name: one.kind for one in here} for name, here in columns.items()}
        click.echo(json.dumps(told, indent=1))
        return
    for name, here in columns.items():
        click.echo(f"{name}: {TABLES[name]}")
        click.echo("".join(f"  {one.name:18} {one.kind}\n" for one in here))


def _print_table(answer: Answer, console: Console) -> None:
    table = Table()
    for column in answer.columns:
        name = printable(column.name)
        table.add_column(name, justify="right" if column.is_number else "left", overflow="fold")
    rows = answer.rows()
    for row in islice(rows, _N_SHOWN):
        table.add_row(*map(_shown, row))
    console.print(table, markup=False)
    n_more = sum(1 for _ in rows)
    if n_more:
        told = f"{_N_SHOWN} of {_N_SHOWN + n_more} rows"
        click.echo(f"{told}; --csv, --json or --parquet FILE give all")


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")  # click would take out what is not ink
    writer.writerow([column.name for column in answer.columns])
    for row in answer.rows():
        writer.writerow(["" if value is None else _plain(value) for value in row])


def _print_json(answer: Answer) -> None:
    names = [column.name for column in answer.columns]
    mark = "["
    for row in answer.rows():
        told = {name: _jsonable(value) for name, value in zip(names, row, strict=True)}
        click.echo(mark + json.dumps(told, allow_nan=False))
        mark = ","
    click.echo("]" if mark == "," else "[]")


def _shown(value: Any) -> str:
    """A value in a cell, on one line; what a terminal would obey is told as text."""
    match value:
        case None:
            told = ""
        case bool():
            told = "true" if value else "false"
        case float():
            told = f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"
        case bytes():
            told = f"{len(value)} bytes"
        case dict():
            told = ", ".join(f"{_shown(key)}={_shown(one)}" for key, one in value.items())
        case list() | tuple():
            told = ", ".join(map(_shown, value))
        case _:
            told = str(value)
    return printable(told)


def _plain(value: Any) -> str:
    """A value in CSV."""
    told = _jsonable(value)
    return told if isinstance(told, str) else json.dumps(told)


def _jsonable(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601, bytes as base64, and no number that is none."""
    match value:
        case None | str() | int():
            return value
        case float() | decimal.Decimal():
            return float(value) if math.isfinite(value) else None
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {str(key): _jsonable(one) for key, one in value.items()}
        case list() | tuple():
            return [_jsonable(one) for one in value]
        case _:
            return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)

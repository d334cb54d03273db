"""``fearrefactor sweep``: what runs that died have left under an output."""

from __future__ import annotations

import json
import re
import time

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.storage.sweep import by_kind
from fearrefactor.storage.sweep import sweep as sweep_store

_SPAN = re.compile(r"(\d{1,6})(h|d)")
_SECONDS = {"h": 3600, "d": 86400}


def _seconds(_context: click.Context, option: click.Parameter, text: str) -> int:
    """``2d`` and ``36h`` in seconds; less than an hour is refused: runs go on meanwhile."""
    found = _SPAN.fullmatch(text)
    if found is None or not int(found[1]):
        raise click.BadParameter(
            f"{text!r}: expected hours or days, at least one, such as 36h or 2d", param=option
        )
    return int(found[1]) * _SECONDS[found[2]]


@click.command()
@click.argument("output", metavar="OUTPUT")
@click.option(
    "--older-than",
    "age_s",
    default="2d",
    show_default=True,
    metavar="AGE",
    callback=_seconds,
    help="Leave what is younger, in hours or days: 36h, 2d. A run may be using it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def sweep(output: str, *, age_s: int, dry_run: bool, as_json: bool) -> None:
    """Remove what runs that died have left under an output.

    OUTPUT is what the runs were given: a folder or s3://bucket/prefix. Removed is what lies under
    scratch/ and claims/, and what was never finished: uploads in parts on S3, half-written files in
    a folder. Results, logs and reports are never touched. It may run at any time.
    """
    place = locate_prefix(output)
    store = read_environment().store(place.store_root)
    swept = by_kind(sweep_store(store, place.key, time.time() - age_s, dry_run=dry_run))
    if as_json:
        removed = {one.kind: {"n": one.n, "bytes": one.size_bytes} for one in swept}
        click.echo(json.dumps({"dry_run": dry_run, "removed": removed}))
        return
    for one in swept:
        size = f", {one.size_bytes} bytes" if one.size_bytes else ""
        click.echo(f"{'would remove' if dry_run else 'removed'} {one.n} {one.kind}{size}")
    if not swept:
        click.echo("nothing to remove")

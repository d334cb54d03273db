"""``fearrefactor manifest``: make manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.sources import list_media
from fearrefactor.core.manifest import default_id
from fearrefactor.errors import InputError
from fearrefactor.storage.manifest_file import KINDS, manifest_kind, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group()
def manifest() -> None:
    """Lists of videos to be masked."""


@manifest.command()
@click.argument("source")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The manifest to write: .parquet, .csv or .jsonl.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(source: str, output: Path, *, as_json: bool) -> None:
    """Write a manifest of all videos and images under SOURCE, a folder or s3://bucket/prefix/."""
    if manifest_kind(output.name) is None:
        raise InputError(f"{output}: expected a name that ends in {', '.join(KINDS)}")
    if output.exists():
        raise InputError(f"{output} is already there; move it away or choose another name")
    n_rows = 0

    def rows() -> Iterator[dict[str, str]]:
        nonlocal n_rows
        for uri in list_media(source, read_environment().s3):
            n_rows += 1
            yield {"id": default_id(uri), "uri": uri}

    write_manifest(output, rows())
    said = {"manifest": str(output), "rows": n_rows}
    click.echo(json.dumps(said) if as_json else f"{n_rows} rows written to {output}")

"""``fearrefactor models``: what can be had, and whether what we have is sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.environment import read_environment
from fearrefactor.errors import ModelError
from fearrefactor.vision.assets import ASSETS, Asset
from fearrefactor.vision.catalog import DEFAULT_MODEL, find, pull
from fearrefactor.vision.catalog import verify as state_of

_as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group()
def models() -> None:
    """Models and sample clips: list, fetch, check."""


@models.command("list")
@_as_json
def list_models(*, as_json: bool) -> None:
    """List every model and clip of the catalog and whether it is in the cache."""
    cache = read_environment().cache
    rows = [_row(asset, state_of(asset, cache)) for asset in ASSETS]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table()
    for name in ("name", "kind", "cached", "licence", "from", "note"):
        table.add_column(name, overflow="fold")
    for row in rows:
        name = f"{row['name']} (default)" if row["name"] == DEFAULT_MODEL else row["name"]
        source = ", ".join(row["sources"])
        table.add_row(name, row["kind"], row["state"], row["licence"], source, row["note"])
    Console().print(table, markup=False)


@models.command("pull")
@click.argument("name", default=DEFAULT_MODEL)
@_as_json
def pull_model(name: str, *, as_json: bool) -> None:
    """Fetch NAME, a model or clip, into the cache and check it; by default the default model."""
    path = pull(find(name), read_environment().cache)
    click.echo(json.dumps({"name": name, "path": str(path)}) if as_json else str(path))


@models.command()
@click.argument("name", required=False)
@_as_json
def verify(name: str | None, *, as_json: bool) -> None:
    """Hold cached files against their checksums; without NAME, all that are cached."""
    cache = read_environment().cache
    assets = [find(name)] if name else list(ASSETS)
    found = {asset.name: state_of(asset, cache) for asset in assets}
    if name is None:
        found = {known: state for known, state in found.items() if state != "missing"}
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        for known, state in found.items():
            click.echo(f"{state:8} {known}")
    bad = [known for known, state in found.items() if state != "ok"]
    if bad:
        raise ModelError(f"not sound: {', '.join(bad)}; run 'fearrefactor models pull NAME'")


@models.command("quantize")
@click.argument("model", default=DEFAULT_MODEL)
@click.option(
    "--calibrate",
    "shown",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A video, a picture or a folder of them, like those that will be masked. "
    "[default: the sample clip 'bikes']",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it. [default: NAME.int8 in this folder]",
)
@_as_json
def quantize_model(model: str, shown: Path | None, output: Path | None, *, as_json: bool) -> None:
    """Write MODEL in eight bits, for CPUs, as a file that every command takes as --model.

    It is faster and finds a little less: hold it against the model with 'evaluate' before use. The
    layers that answer keep their precision. Needs the package with [int8].
    """
    from fearrefactor.cli.calibration import pictures_of  # imports openvino
    from fearrefactor.vision.quantize import quantize

    environment = read_environment()
    file = environment.model(model)
    path = output or Path(f"{file.name}.int8")
    quantize(file, pictures_of(shown or pull(find("bikes"), environment.cache)), path)
    click.echo(json.dumps({"name": file.name, "path": str(path)}) if as_json else str(path))


def _row(asset: Asset, state: str) -> dict[str, Any]:
    return {
        "name": asset.name,
        "kind": asset.kind,
        "state": state,
        "licence": asset.licence,
        "sha256": asset.sha256,
        "sources": [str(source) for source in asset.sources],
        "classes": list(asset.classes),
        "note": asset.note,
    }

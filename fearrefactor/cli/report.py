"""``fearrefactor report``: what a run did, as one page and as pictures."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.past_run import past_run
from fearrefactor.cli.whole_file import write_whole
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.source_pictures import source_pictures
from fearrefactor.report.collect import Wanted, collect
from fearrefactor.report.write import keep_page, page_bytes
from fearrefactor.storage.locations import Location, locate
from fearrefactor.storage.run_folder import HTML

if TYPE_CHECKING:
    from fearrefactor.cli.environment import Environment
    from fearrefactor.report.content import ReportContent
    from fearrefactor.storage.run_folder import RunFolder


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help=(
        "Write the page there, a name or s3:// address that ends in .html, over an earlier one. "
        "[default: RUN/report/index.html; with --only or --include-source ./ID.html]"
    ),
)
@click.option(
    "--details",
    type=click.IntRange(0),
    default=Wanted.n_details,
    show_default=True,
    metavar="N",
    help="So many videos with timeline and pictures: those for review first.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Only the videos with this id, as often as needed.",
)
@click.option(
    "--include-source",
    is_flag=True,
    help="Put unmasked pictures beside the masked ones, marked as such.",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also write PNGs there: timelines, scores by class, worker time by stage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where everything is as JSON.")
def report(
    run: str,
    *,
    output: str | None,
    details: int,
    only: tuple[str, ...],
    include_source: bool,
    plots: Path | None,
    as_json: bool,
) -> None:
    """Make the page of a run again, from its Parquet files alone.

    RUN is its folder or s3:// address …/runs/ID, of a run that has ended or was reconciled. The
    page is one file that needs no server and no network. It shows what was masked only as it was
    published; --include-source decodes the same moments of the sources, too.
    """
    environment = read_environment()
    folder = past_run(run, environment)
    if output is None and (only or include_source):
        output = f"./{folder.run_id}.html"  # what lies with the run is for all who may see results
    wanted = Wanted(details, only)
    with scratch_folder("report") as scratch:
        path = scratch / "videos.parquet"
        try:
            folder.fetch_report(path)
        except NotFoundError as error:
            raise InputError(f"{run} holds no videos.parquet; is that run done?") from error
        if output is None:
            content = keep_page(folder, path, details)
            page = folder.store.uri(folder.page_key)
        else:
            place = _page_place(output)
            content = _collected(
                folder, path, wanted, place, environment, include_source=include_source
            )
            page = _written(content, place, environment)
        pictures = _drawn(folder, path, wanted, plots)
    _tell(content, page, pictures, as_json=as_json)


def _page_place(output: str) -> Location:
    place = locate(output)
    if not place.key.endswith(".html"):
        raise InputError(f"{output}: expected the name of a page, which ends in .html")
    return place


def _collected(
    run: RunFolder,
    path: Path,
    wanted: Wanted,
    place: Location,
    environment: Environment,
    *,
    include_source: bool,
) -> ReportContent:
    is_file = not place.store_root.startswith("s3://")
    return collect(
        run,
        path,
        wanted,
        Path(place.store_root) if is_file else None,
        partial(source_pictures, s3=environment.s3) if include_source else None,
    )


def _written(content: ReportContent, place: Location, environment: Environment) -> str:
    """Where the page is now."""
    page = page_bytes(content)
    if place.store_root.startswith("s3://"):
        environment.store(place.store_root).replace(place.key, page, HTML)
    else:
        target = Path(place.store_root, place.key)
        write_whole(target, page, replace=True)
    return place.uri


def _drawn(run: RunFolder, path: Path, wanted: Wanted, plots: Path | None) -> tuple[Path, ...]:
    if plots is None:
        return ()
    from fearrefactor.report.plots import draw_plots  # matplotlib takes a second to load

    return draw_plots(run, path, wanted.only, plots)


def _tell(content: ReportContent, page: str, pictures: tuple[Path, ...], *, as_json: bool) -> None:
    if as_json:
        told = {
            "run": content.run.uri,
            "page": page,
            "plots": [str(picture) for picture in pictures],
            "rows": content.run.n_rows,
            "listed": content.run.n_listed,
            "detailed": content.run.n_detailed,
        }
        click.echo(json.dumps(told))
        return
    run = content.run
    click.echo(f"{run.n_rows} rows, {run.n_listed} of them listed, {run.n_detailed} in detail")
    click.echo(f"page        {page}")
    for picture in pictures:
        click.echo(f"plot        {picture}")

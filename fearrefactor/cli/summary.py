"""What a run came to, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from fearrefactor.core.report import printable
from fearrefactor.storage.locations import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from fearrefactor.cli.run import RunSettings
    from fearrefactor.core.report import RunReport, VideoReport


def print_summary(
    console: Console,
    settings: RunSettings,
    report: RunReport,
    shown: Sequence[VideoReport],
    sheets: Mapping[str, str],
) -> None:
    """The first rows, the counts, and where everything is."""
    store = open_store(settings.job.output_root, settings.job.s3)
    table = Table(title=f"run {settings.run_id}", title_justify="left")
    for name in ("row", "video", "outcome", "frames", "masked", "seconds", "why not"):
        table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for video in shown:
        table.add_row(
            str(video.row),
            printable(video.id, 60),
            video.outcome,
            _count(video.n_frames),
            _count(video.n_masked_frames),
            f"{sum(video.seconds.values()):.1f}",
            f"{video.code}: {video.reason}" if video.code else "",
        )
    console.print(table, markup=False)
    outcomes = ", ".join(f"{n} {name}" for name, n in sorted(report.outcomes.items()))
    reused = f", {report.n_reused} of them done by an earlier run" if report.n_reused else ""
    rest = report.n_rows - len(shown)
    lines = [
        f"{report.n_rows} rows: {outcomes or 'nothing to do'}{reused}",
        *([f"{rest} more rows are in videos.parquet"] if rest > 0 else []),
        *(f"video       {store.uri(video.output_key)}" for video in shown if video.output_key),
        *(f"detections  {store.uri(v.detections_key)}" for v in shown if v.detections_key),
        *(f"before/after {uri}" for uri in sheets.values()),
        f"report      {store.uri(settings.report_key)}",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


_NUMBERS = {"row", "frames", "masked", "seconds"}


def _count(value: int | None) -> str:
    return "" if value is None else str(value)

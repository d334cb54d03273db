"""What a run came to, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from fearrefactor.cli.logged_progress import LoggedProgress, log_summary
from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.cli.run import run
from fearrefactor.core.report import printable
from fearrefactor.pipeline.contact import write_contact_sheet
from fearrefactor.pipeline.log_lines import is_json
from fearrefactor.storage.locations import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.notices import Notices
    from fearrefactor.cli.run_settings import RunSettings
    from fearrefactor.core.report import RunReport, VideoReport


#: The first few rows are shown in full; the rest are in the file.
_N_SHOWN = 20


def run_and_tell(
    settings: RunSettings,
    environment: Environment,
    console: Console,
    *,
    contact_sheet: bool,
    notices: Notices | None = None,
) -> int:
    """Do a run, tell how it gets on and what it came to; answers the exit code.

    Where the log is JSON, all is told there and nothing on ``console``.
    """
    shown: list[VideoReport] = []

    def keep(video: VideoReport) -> None:
        if notices is not None:
            notices.keep(video)
        if len(shown) < _N_SHOWN:
            shown.append(video)

    with LoggedProgress() if is_json() else ConsoleProgress(console) as progress:
        report = run(settings, environment, progress, keep)
    uri = environment.store(settings.job.output_root).uri(settings.report_key)
    if notices is not None:
        notices.ended(report, uri)
    sheets = {
        video.id: write_contact_sheet(video, settings.job)
        for video in shown
        if contact_sheet and video.outcome != "failed"
    }
    if is_json():
        log_summary(report, uri)
    else:
        _print_summary(console, settings, report, shown, sheets)
    return int(report.exit_code)


def _print_summary(
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
        *_of_rendering(report),
        *_of_model(report),
        *_of_audit(report),
        *([f"{rest} more rows are in videos.parquet"] if rest > 0 else []),
        *(f"video       {store.uri(video.output_key)}" for video in shown if video.output_key),
        *(f"detections  {store.uri(v.detections_key)}" for v in shown if v.detections_key),
        *(f"plan        {store.uri(video.plan_key)}" for video in shown if video.plan_key),
        *(f"before/after {uri}" for uri in sheets.values()),
        f"report      {store.uri(settings.report_key)}",
        *([f"page        {report.page}"] if report.page else []),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


_NUMBERS = {"row", "frames", "masked", "seconds"}


def _of_rendering(report: RunReport) -> list[str]:
    """How much was encoded anew, if anything was."""
    if not report.n_rendered_frames:
        return []
    rendered = f"{report.n_rendered_frames} of {report.n_frames} frames rendered"
    return [f"{rendered}, all others copied as they were"]


def _of_model(report: RunReport) -> list[str]:
    """Whether the model was needed, if detections were there."""
    if not report.n_detections_reused:
        return []
    frames = f" ({report.n_model_frames} frames)" if report.n_model_frames else ": 0"
    return [f"detections reused for {report.n_detections_reused} videos, model calls{frames}"]


def _of_audit(report: RunReport) -> list[str]:
    """What the audit found, if it found anything."""
    if not report.n_leaks:
        return []
    frames = f"in {report.n_audited_frames} frames looked at again"
    return [f"audit: {report.n_leaks} leaks closed, {frames}; videos.parquet notes what was done"]


def _count(value: int | None) -> str:
    return "" if value is None else str(value)

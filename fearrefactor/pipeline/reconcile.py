"""The report of a run whose driver died: every row is done or failed, and what is done wins."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.ledger import Ended, RunState
from fearrefactor.core.report import RunReport, VideoReport
from fearrefactor.core.run_facts import RunHistory
from fearrefactor.core.shard import WHOLE
from fearrefactor.errors import InputError, StoreError
from fearrefactor.pipeline.journal import LedgerJournal
from fearrefactor.pipeline.publish import Output
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_parts
from fearrefactor.storage.report_log import ReportWriter, read_reports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fearrefactor.core.ledger import InHand
    from fearrefactor.storage.ledger import Part
    from fearrefactor.storage.run_folder import RunFolder

#: A driver that lives is never silent for so long.
SILENCE_S: Final = 180.0


@dataclass(frozen=True)
class _Past:
    """What the events of a run come to; ``n_ends``: by row, how often it has ended."""

    state: RunState
    history: RunHistory
    n_ends: array[int] = field(default_factory=lambda: array("H"))


def settle(run: RunFolder, now_s: float, *, give_up: bool) -> RunReport:
    """Write the report of a run that has none, and ``_SUCCESS`` if all is done; counts of it.

    What was done already is not done again. ``now_s``: Unix seconds. ``give_up`` writes the report
    also if not every row of the manifest was ever taken.

    Raises:
        InputError: there is no such run; its driver may live; rows were never taken.
        StoreError: the ledger cannot be read, or the report cannot be written.
    """
    parts = list_parts(run.store, run.ledger_prefix)
    if not parts:
        raise InputError(f"{run.uri} holds no ledger; expected a run …/runs/ID")
    past = _fold(run, parts)
    state = past.state
    if run.is_reported:
        report = _counted(run)
    else:
        _check_over(run, state, now_s, give_up=give_up)
        report = _write(run, parts, past, now_s)
    if state.is_exhausted and not report.outcomes["failed"]:
        run.keep_success(report.outcomes, state.begun.shard if state.begun else str(WHOLE))
    return report


def _fold(run: RunFolder, parts: Sequence[Part]) -> _Past:
    past = _Past(RunState(), RunHistory(run.run_id))
    for event in read_parts(run.store, parts):
        past.state.add(event)
        past.history.add(event)
        if isinstance(event, Ended):
            row = event.report.row
            past.n_ends.extend([0] * (row + 1 - len(past.n_ends)))
            past.n_ends[row] += 1
    return past


def _check_over(run: RunFolder, state: RunState, now_s: float, *, give_up: bool) -> None:
    if not state.is_exhausted and not give_up:
        raise InputError(
            f"{run.uri}: its driver went before it had taken every row of the manifest; start the "
            "same command again, with this --run-id: it goes on (or say --give-up for a report "
            "of the rows that were taken)"
        )
    silent_s = now_s - (state.last_s or 0)
    if state.stopped is None and silent_s < SILENCE_S:
        raise InputError(
            f"{run.uri}: its driver gave a sign of life {silent_s:.0f} s ago; stop it, or try "
            f"again when it has been silent for {SILENCE_S:.0f} s"
        )


def _write(run: RunFolder, parts: Sequence[Part], past: _Past, now_s: float) -> RunReport:
    report, state = RunReport(run.run_id), past.state
    with scratch_folder("reconcile") as folder:
        path = folder / "videos.parquet"
        settled = []
        with ReportWriter(path) as writer:
            for told, is_new in _reports(run, parts, past):
                video = told.ended(now_s)
                report.add(video)
                writer.write(video.model_dump())
                if is_new:
                    settled.append(video)
            writer.tell(past.history.facts(report.ended_at))
        if state.is_exhausted and report.n_rows != state.n_rows:
            raise StoreError(
                f"{run.uri}: the ledger should tell of {state.n_rows} rows and tells of "
                f"{report.n_rows}; nothing was written"
            )
        with LedgerWriter(run.store, run.ledger_prefix, new_driver(parts)) as ledger:
            journal = LedgerJournal(ledger, FrozenRows(), past.history)
            for video in settled:
                journal.ended(video)
            ledger.flush()
            run.keep_report(path)
            journal.finished(report.outcomes)
    return report


def _reports(
    run: RunFolder, parts: Sequence[Part], past: _Past
) -> Iterator[tuple[VideoReport, bool]]:
    """The last word on each row, and whether it is said only now."""
    state, n_ends = past.state, past.n_ends
    earlier: dict[int, VideoReport] = {}
    for event in read_parts(run.store, parts):
        if isinstance(event, Ended):
            row = event.report.row
            n_ends[row] -= 1
            if n_ends[row] == 0 and row in state.in_flight:
                earlier[row] = event.told  # by a driver before the one that died
            elif n_ends[row] == 0:
                yield event.told, False
    output = Output(run.store, run.output_prefix)
    for row, held in sorted(state.in_flight.items()):
        yield _settled(held, earlier.get(row), state, output), True


def _settled(
    held: InHand, earlier: VideoReport | None, state: RunState, output: Output
) -> VideoReport:
    """What became of a row that was in hand when its driver died."""
    if earlier is not None and earlier.outcome != "failed":
        return earlier
    told = {
        "row": held.taken.row,
        "id": held.taken.id,
        "uri": held.taken.uri,
        "extra": held.taken.extra,
    }
    if state.begun is not None:
        told |= {
            "model": state.begun.model,
            "model_sha256": state.begun.model_sha256,
            "versions": state.begun.versions,
        }
    if held.named is None:
        published = None
    else:
        told["work_id"] = held.named.work_id
        published = output.find(held.named.row_key, held.named.work_id)
    if published is not None:
        notes = ["its driver died after it was published; its report was written by reconcile"]
        return VideoReport.model_validate(told | published.reported() | {"notes": notes})
    return VideoReport.model_validate(
        told
        | {
            "outcome": "failed",
            "code": "interrupted",
            "reason": "the driver died while it had this row in hand; do it again",
        }
    )


def _counted(run: RunFolder) -> RunReport:
    report = RunReport(run.run_id)
    with scratch_folder("reconcile") as folder:
        path = folder / "videos.parquet"
        run.fetch_report(path)
        for row in read_reports(path):
            report.add(VideoReport.model_validate(row))
    return report

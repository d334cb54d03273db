"""``fearrefactor status``: how a run gets on, or how far it got."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.past_run import past_run, state_of
from fearrefactor.core.shard import WHOLE
from fearrefactor.pipeline.reconcile import SILENCE_S

if TYPE_CHECKING:
    from fearrefactor.core.ledger import RunState


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def status(run: str, *, as_json: bool) -> None:
    """Say how a run gets on, while it runs or after its driver died.

    RUN is its folder or s3:// address …/runs/ID. Nothing is written there.
    """
    folder = past_run(run, read_environment())
    told = told_of(state_of(folder), time.time())
    if as_json:
        click.echo(json.dumps({"run": folder.uri, **told}))
    else:
        click.echo("\n".join([f"run         {folder.uri}", *_lines(told)]))


def told_of(state: RunState, now_s: float) -> dict[str, Any]:
    """The state of a run at ``now_s``, Unix seconds, as it goes into JSON."""
    silent_s = max(0.0, now_s - (state.last_s or now_s))
    if state.is_finished:
        phase = "finished"
    elif state.stopped is not None:
        phase = "stopped"
    else:
        phase = "running" if silent_s < SILENCE_S else "silent"
    is_running = phase == "running"
    return {
        "phase": phase,
        "stopped_because": state.stopped,
        "shard": state.begun.shard if state.begun else None,
        "drivers": state.n_drivers,
        "rows": state.n_rows,
        "rows_done": state.n_done,
        "rows_done_by_outcome": dict(state.done),
        "rows_failed": state.n_failed,
        "rows_failed_by_code": dict(state.failed),
        "rows_in_flight": len(state.in_flight),
        "all_rows_taken": state.is_exhausted,
        "lost_processes": state.n_lost.total(),
        "lost_processes_by_row": {str(row): n for row, n in sorted(state.n_lost.items())},
        "rows_per_s": state.rate_per_s,
        "left_s": state.time_left_s if is_running else None,
        "first_sign_s": state.first_s,
        "last_sign_s": state.last_s,
        "silent_s": silent_s,
    }


def _lines(told: dict[str, Any]) -> list[str]:
    """The same for people."""
    total = "of an unknown number" if told["rows"] is None else f"of {told['rows']}"
    ended = told["rows_done"] + told["rows_failed"]
    rate = "unknown" if told["rows_per_s"] is None else f"{60 * told['rows_per_s']:.1f} rows/min"
    left = "" if told["left_s"] is None else f", about {_duration(told['left_s'])} left"
    last = datetime.fromtimestamp(told["last_sign_s"], UTC)
    n_rows_lost = len(told["lost_processes_by_row"])
    because = f": {told['stopped_because']}" if told["stopped_because"] else ""
    shard = [f"shard       {told['shard']}"] if told["shard"] not in {None, str(WHOLE)} else []
    return [
        f"phase       {told['phase']}{because}",
        *shard,
        f"rows        {ended} {total} ended, {told['rows_in_flight']} in flight",
        f"done        {_counts(told['rows_done_by_outcome'])}",
        f"failed      {_counts(told['rows_failed_by_code'])}",
        f"processes   {told['lost_processes']} lost, with {n_rows_lost} rows in hand",
        f"rate        {rate}{left}",
        f"last sign   {last:%Y-%m-%d %H:%M:%S} UTC, {_duration(told['silent_s'])} ago",
    ]


def _counts(counts: dict[str, int]) -> str:
    named = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    return f"{sum(counts.values())} ({named})" if named else "0"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

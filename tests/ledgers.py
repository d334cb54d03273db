"""Ledgers of runs that are over, written as their drivers would have, and what they published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fearrefactor.core.ledger import Begun, Ended, Lost, Named, Taken
from fearrefactor.core.report import VideoReport
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_events

if TYPE_CHECKING:
    from fearrefactor.core.ledger import Event
    from fearrefactor.storage.run_folder import RunFolder

#: Long enough ago that nobody takes the driver for alive.
LONG_AGO = time.time() - 3600


def write_ledger(run: RunFolder, *events: Event) -> None:
    """What one more driver had to tell."""
    driver = new_driver(list_parts(run.store, run.ledger_prefix))
    with LedgerWriter(run.store, run.ledger_prefix, driver) as writer:
        for event in events:
            writer.add(event)


def begun(run_id: str = "night", time_s: float = LONG_AGO) -> Begun:
    """A driver sets out."""
    return Begun(
        time_s=time_s,
        run_id=run_id,
        versions={"fearrefactor": "0"},
        model="toy",
        model_sha256="cd" * 32,
        policy_digest="ef" * 32,
    )


def taken(row: int, **changes: Any) -> Taken:
    """Row ``row`` of a manifest, of the night shift."""
    told = {"id": f"film-{row}", "uri": f"s3://in/{row}.mp4", "extra": {"shift": "night"}}
    return Taken(time_s=LONG_AGO, row=row, **(told | changes))


def named(row: int) -> Named:
    """Row ``row`` has a work id, see ``work_id``."""
    return Named(time_s=LONG_AGO, row=row, row_key=f"film-{row}", work_id=work_id(row))


def ended(row: int, outcome: str = "masked", code: str | None = None) -> Ended:
    """Row ``row`` has come to this end."""
    told: dict[str, Any] = {"row": row, "id": f"film-{row}", "uri": f"s3://in/{row}.mp4"}
    report = VideoReport(**told, outcome=outcome, code=code, work_id=work_id(row))  # type: ignore[arg-type]
    return Ended(time_s=LONG_AGO, report=report)


def work_id(row: int) -> str:
    """Of the work that row ``row`` is."""
    return f"{row:08}" * 8


def publish(run: RunFolder, row: int) -> str:
    """The result of row ``row`` with its logs, as a worker leaves them; answers its key."""
    logs = {"detections": f"detections/film-{row}.parquet", "plan": f"plans/film-{row}.parquet"}
    for key in logs.values():
        run.store.create(run.output_prefix + key, b"log", {"sha256": "0e" * 32})
    key = f"{run.output_prefix}videos/film-{row}.{work_id(row)[:8]}.mp4"
    told = {
        **{f"{name}-key": key for name, key in logs.items()},
        **{f"{name}-sha256": "0e" * 32 for name in logs},
        "work-id": work_id(row),
        "sha256": "0f" * 32,
        "outcome": "masked",
        "frames": "24",
        "masked-frames": "3",
        "detections": "3",
    }
    run.store.create(key, b"film", told)
    return key


def losses(run: RunFolder) -> list[Lost]:
    """What was lost under its rows, in order."""
    events = read_events(run.store, run.ledger_prefix)
    return [event for event in events if isinstance(event, Lost)]

"""The ledger of a run of many rows that never ran, and what it takes to read it."""

from __future__ import annotations

import functools
import hashlib
import itertools
import time
from typing import TYPE_CHECKING

from stub_films import CARD

from fearrefactor.cli.driver import versions
from fearrefactor.cli.past_run import state_of
from fearrefactor.core.ledger import AllTaken, Begun, Ended, Named, Stopped, Taken
from fearrefactor.core.report import VideoReport
from fearrefactor.pipeline.reconcile import settle
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fearrefactor.core.ledger import Event

_STAGES = ("checksum", "index", "detect", "decide", "render", "audit", "assemble", "verify")
_DIGEST = "e" * 64


def measure_ledger(folder: Path, n_rows: int) -> dict[str, float]:
    """Write the ledger of a run, then do what ``status`` and ``reconcile`` do with it."""
    run = RunFolder(FolderStore(folder), "", "night")
    start = time.perf_counter()
    with LedgerWriter(run.store, run.ledger_prefix, new_driver([])) as writer:
        for event in _events(n_rows):
            writer.add(event)
            if event.kind == "ended" and event.report.row % 1000 == 0:
                writer.flush()  # no run ends rows faster than they can be written
    written = time.perf_counter()
    state = state_of(run)
    read = time.perf_counter()
    if state.n_done != n_rows or state.in_flight:
        raise SystemExit(f"expected {n_rows} rows to have ended, found {state.n_done}")
    sizes = [
        run.store.stat(part.key).size_bytes for part in list_parts(run.store, run.ledger_prefix)
    ]
    settled = time.perf_counter()
    report = settle(run, time.time(), give_up=False)
    end = time.perf_counter()
    if report.n_rows != n_rows:
        raise SystemExit(f"expected {n_rows} rows to be reported, found {report.n_rows}")
    return {
        "ledger_bytes_per_row": sum(sizes) / n_rows,
        "n_parts": len(sizes),
        "write_s": written - start,
        "status_s": read - written,
        "reconcile_s": end - settled,
    }


def _events(n_rows: int) -> Iterator[Event]:
    """As a driver tells them, of videos of a minute; a hundred are in hand at a time."""
    now = time.time()
    yield Begun(
        time_s=now,
        run_id="night",
        versions=_versions(),
        model=CARD.name,
        model_sha256=CARD.sha256,
        policy_digest=_DIGEST,
    )
    for row in range(1, n_rows + 101):
        if row <= n_rows:
            name = {
                "id": f"upload-{row:08}",
                "uri": f"s3://uploads/2026/{_hex(row, 'uri')[:16]}.mp4",
            }
            yield Taken(time_s=now + row / 30, row=row, **name, extra={"user": str(row % 9973)})
            work = _hex(row, "work")
            yield Named(time_s=now + row / 30, row=row, row_key=name["id"], work_id=work)
        if row > 100:
            ended_s = now + row / 30
            yield Ended(time_s=ended_s, report=_report(row - 100).ended(ended_s))
    yield AllTaken(time_s=now + n_rows / 30, n_rows=n_rows)
    yield Stopped(time_s=now + n_rows / 30, reason="the benchmark needs no more")


def _report(row: int) -> VideoReport:
    work, detect, name = _hex(row, "work"), _hex(row, "detect"), f"upload-{row:08}"
    return VideoReport(
        row=row,
        id=name,
        uri=f"s3://uploads/2026/{_hex(row, 'uri')[:16]}.mp4",
        outcome="masked",
        n_model_frames=1893,
        audit="sampled",
        n_audited_frames=93,
        input_sha256=_hex(row, "input"),
        input_bytes=30_000_000 + row,
        output_key=f"videos/{name}.{work[:8]}.mp4",
        output_sha256=_hex(row, "output"),
        output_bytes=31_000_000 + row,
        detections_key=f"detections/{name}.{detect[:8]}.parquet",
        detections_sha256=_hex(row, "detections"),
        plan_key=f"plans/{name}.{work[:8]}.parquet",
        plan_sha256=_hex(row, "plan"),
        n_frames=1800,
        n_masked_frames=930,
        n_rendered_frames=1000 + row % 800,
        n_detections=2000 + row % 997,
        duration_s=60.0,
        seconds=dict(zip(_STAGES, itertools.count(1 + row % 97 / 1000), strict=False)),
        model=CARD.name,
        model_sha256=CARD.sha256,
        policy="people",
        policy_digest=_DIGEST,
        detect_id=detect,
        work_id=work,
        versions=_versions(),
        extra={"user": str(row % 9973)},
    )


@functools.cache
def _versions() -> dict[str, str]:
    """They are looked up in files."""
    return versions()


def _hex(row: int, what: str) -> str:
    return hashlib.sha256(f"{what} {row}".encode()).hexdigest()

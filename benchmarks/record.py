"""What benchmarks leave behind: a JSON file each under ``benchmarks/results``, of flat rows.

``docs/performance.md`` is made from these files and nothing else (``page.py``), so every figure in
it can be traced to a machine, versions and a command.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fearrefactor.cli.driver import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row: TypeAlias = dict[str, str | int | float | bool | None]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Record:
    """One benchmark's result.

    ``rows`` are flat, with units in the names of their columns; ``facts`` are what holds for all
    of them (clip, runs, settings).
    """

    name: str
    command: str
    measured_on: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    facts: dict[str, Any]
    rows: list[Row]


def record(
    name: str, rows: Sequence[Row], facts: Mapping[str, Any] | None = None, folder: Path = RESULTS
) -> Path:
    """Write ``folder/name.json``, over an earlier one; answers where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    told = Record(
        name=name,
        command=shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        measured_on=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=machine(),
        versions=versions(),
        facts=dict(facts or {}),
        rows=list(rows),
    )
    path.write_text(json.dumps(vars(told), indent=1) + "\n")
    return path


def read(name: str, folder: Path = RESULTS) -> Record | None:
    """What ``record`` has written, None if it never has."""
    path = folder / f"{name}.json"
    return Record(**json.loads(path.read_text())) if path.exists() else None


def machine() -> dict[str, str | int]:
    """Processor, cores and kernel; no name of a machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }

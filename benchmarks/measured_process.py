"""One process that does frames: what it used, from its start and from when it was ready."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: One thread wherever a library asks the environment.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Spent:
    """Seconds of all cores (``cpu``) and of the clock (``wall``).

    ``frames``: from the mark ``ready`` to ``done``; ``start``: all before it, which is 0 for a
    process that makes no marks.
    """

    frames_cpu_s: float
    frames_wall_s: float
    start_cpu_s: float = 0.0
    start_wall_s: float = 0.0


def spent(command: Sequence[str], core: int | None, environment: dict[str, str]) -> Spent:
    """Run a command, on one core if that is named, and see what it used; see ``heard``."""
    return heard(command, core, environment)[0]


def heard(
    command: Sequence[str], core: int | None, environment: dict[str, str]
) -> tuple[Spent, list[str]]:
    """Run a command, see what it used, and hear the lines that it said.

    Raises:
        SystemExit: it failed; the message ends with what it said last.
    """
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with tempfile.TemporaryFile("w+") as said:
        began = time.time()
        process = subprocess.Popen(
            [*pinned, *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        _, status, used = os.wait4(process.pid, 0)
        ended = time.time()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().splitlines()
    if process.returncode:
        last = "\n".join(lines[-15:])
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{last}")
    marks = [json.loads(line[5:]) for line in lines if line.startswith("MARK ")]
    if not marks:
        return Spent(used.ru_utime + used.ru_stime, ended - began), lines
    told = {mark["mark"]: mark for mark in marks}
    ready, done = told["ready"], told["done"]
    used_for_frames = Spent(
        frames_cpu_s=done["cpu_s"] - ready["cpu_s"],
        frames_wall_s=done["wall_s"] - ready["wall_s"],
        start_cpu_s=ready["cpu_s"],
        start_wall_s=ready["wall_s"] - began,
    )
    return used_for_frames, lines


def result_in(folder: Path) -> Path:
    """The video that a process has left in a folder."""
    found = [path for path in folder.rglob("*") if path.suffix in {".mp4", ".avi"}]
    return max(found, key=lambda path: path.stat().st_size)

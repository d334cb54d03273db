"""How much memory and how many open files processes have, and how fast that grows."""

from __future__ import annotations

import contextlib
import gc
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

KIB, MIB = 1 << 10, 1 << 20


@dataclass
class Growth:
    """Memory and open files of this process and of its actors, each time ``look`` was called.

    ``counts``: how many videos had ended then. ``workers_bytes``: of the largest actor.
    """

    counts: list[int] = field(default_factory=list)
    driver_bytes: list[int] = field(default_factory=list)
    workers_bytes: list[int] = field(default_factory=list)
    driver_files: list[int] = field(default_factory=list)
    workers_files: list[int] = field(default_factory=list)
    n_processes: list[int] = field(default_factory=list)

    def look(self, count: int) -> None:
        """Note what there is after so many videos."""
        gc.collect()
        family = descendants()
        actors = [process for process in family if _called(process).startswith(b"ray::Worker")]
        self.counts.append(count)
        self.driver_bytes.append(memory_bytes(os.getpid()))
        self.workers_bytes.append(max(map(memory_bytes, actors), default=0))
        self.driver_files.append(n_open_files(os.getpid()))
        self.workers_files.append(max(map(n_open_files, actors), default=0))
        self.n_processes.append(len(family))

    def per_thousand(self, values: Sequence[int]) -> float:
        """By how much ``values`` grow in the second half for each thousand videos."""
        half = len(self.counts) // 2
        return 1000 * slope(self.counts[half:], values[half:])

    def since_half(self, values: Sequence[int]) -> int:
        """By how much ``values`` have grown from the middle to the end."""
        return values[-1] - values[len(values) // 2]


def memory_bytes(process: int) -> int:
    """What a process has in memory of its own, no files and nothing shared; 0 if it is gone."""
    with contextlib.suppress(OSError, IndexError):
        status = Path(f"/proc/{process}/status").read_text("ascii", "replace")
        return int(status.partition("RssAnon:")[2].split()[0]) * KIB
    return 0


def n_open_files(process: int) -> int:
    """Descriptors that a process has open; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{process}/fd").iterdir()))
    return 0


def descendants() -> set[int]:
    """Living processes that this one has started, and those that they have."""
    parent_of = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (place / "stat").read_text("ascii", "replace")
            parent_of[int(place.name)] = int(status.rpartition(")")[2].split()[1])
    family = {os.getpid()}
    while more := {child for child, parent in parent_of.items() if parent in family} - family:
        family |= more
    return family - {os.getpid()}


def slope(counts: Sequence[float], values: Sequence[float]) -> float:
    """By how much a value grows for each one that is counted: the best straight line."""
    return float(np.polyfit(counts, values, 1)[0])


def _called(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""

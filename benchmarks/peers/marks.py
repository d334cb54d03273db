"""What a measured process tells of itself: when it was ready, and what it had used by then.

Standard library only, since each peer runs in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def mark(name: str) -> None:
    """Print a line with wall and CPU seconds; ``ready`` is said before the first frame."""
    told = {"mark": name, "wall_s": time.time(), "cpu_s": family_cpu_s()}
    print(f"MARK {json.dumps(told)}", flush=True)


def family_cpu_s() -> float:
    """CPU seconds of this process and all that it has started, also of those that have ended."""
    parent_of, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (place / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
            parent_of[int(place.name)] = int(told[1])
            ticks[int(place.name)] = sum(map(int, told[11:15]))
    family = {os.getpid()}
    while more := {child for child, parent in parent_of.items() if parent in family} - family:
        family |= more
    return sum(ticks[process] for process in family) / _TICKS

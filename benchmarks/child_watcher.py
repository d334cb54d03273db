"""Peak memory of the processes that a benchmark has started."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path


class ChildWatcher(threading.Thread):
    """Reads the high-water marks of all that this process has started, now and then (Linux).

    ``getrusage`` cannot serve: it counts what a child shared with its parent before it was itself.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self._read_children(str(os.getpid()))
            time.sleep(0.1)

    def _read_children(self, pid: str) -> None:
        """Theirs too: media children are copies of a template."""
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has just ended
                for child in tasks.read_text("ascii").split():
                    self._read(child)
                    self._read_children(child)

    def _read(self, pid: str) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
        except OSError:  # it has just ended
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_mib = max(self.peak_mib, int(line.split()[1]) / 1024)

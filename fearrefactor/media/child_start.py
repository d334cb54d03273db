"""Where a media child begins: locked in first, then everything else."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from fearrefactor.media.sandbox import Confinement, lock_in


@dataclass(frozen=True)
class Start:
    """File descriptors, and how well this process is locked in.

    Three were inherited; ``status`` is what the kernel says of this process, or None.
    """

    control: int
    feed: int
    memory: int
    confinement: Confinement
    status: int | None = None

    def memory_share(self) -> float:
        """The most that was ever used of the address space that is allowed, from 0 to 1."""
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if self.status is None or limit == resource.RLIM_INFINITY:
            return 0.0
        peak = os.pread(self.status, 4096, 0).partition(b"VmPeak:")[2].split()
        return int(peak[0]) * 1024 / limit if peak else 0.0


def start(arguments: list[str]) -> Start:
    """Lock this process in, as told on the command line by ``ChildProcess``."""
    control, feed, memory, max_memory_bytes, scratch = arguments
    status = None
    with contextlib.suppress(OSError):
        status = os.open("/proc/self/status", os.O_RDONLY)  # which cannot be opened any more then
    confinement = lock_in(Path.cwd(), [Path(scratch)], int(max_memory_bytes))
    return Start(int(control), int(feed), int(memory), confinement, status)


def main() -> None:
    """Lock in, only then load what parses, and serve."""
    begun = start(sys.argv[1:])
    from fearrefactor.media.child_main import serve

    serve(begun)


if __name__ == "__main__":
    main()

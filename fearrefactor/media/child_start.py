"""Where a media child begins: locked in first, then everything else."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from fearrefactor.media.sandbox import Start, lock_in


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

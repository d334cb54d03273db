"""How a media child begins: locked in before it is asked for anything."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from fearrefactor.media.sandbox import Start, lock_in


@dataclass(frozen=True)
class Given:
    """What a child has of its parent: file descriptors, a directory to read, a limit.

    ``control``, ``feed``: sockets on which messages and the source come; ``memory``: a file for
    frames; ``scratch``: an absolute path.
    """

    control: int
    feed: int
    memory: int
    scratch: str
    max_memory_bytes: int

    def as_arguments(self) -> list[str]:
        """For a command line."""
        numbers = (self.control, self.feed, self.memory, self.max_memory_bytes)
        return [*map(str, numbers), self.scratch]

    @classmethod
    def of(cls, arguments: list[str]) -> Given:
        """What ``as_arguments`` told."""
        control, feed, memory, max_memory_bytes, scratch = arguments
        return cls(int(control), int(feed), int(memory), scratch, int(max_memory_bytes))


@dataclass(frozen=True)
class Order:
    """A child to be started: what it is given, where it writes, and the descriptor of its log."""

    given: Given
    folder: str
    log: int


def start(given: Given) -> Start:
    """Lock this process in; its working directory is the one that it may write."""
    status = None
    with contextlib.suppress(OSError):
        status = os.open("/proc/self/status", os.O_RDONLY)  # which cannot be opened any more then
    confinement = lock_in(Path.cwd(), [Path(given.scratch)], given.max_memory_bytes)
    return Start(given.control, given.feed, given.memory, confinement, status)

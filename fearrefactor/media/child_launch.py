"""How a parent starts a media child: by having a template copied, or as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from fearrefactor.errors import WorkerLostError
from fearrefactor.media.child_copy import Templates
from fearrefactor.media.child_environment import child_environment

if TYPE_CHECKING:
    from fearrefactor.media.child_start import Order


class Started(Protocol):
    """A child process that was started."""

    @property
    def pid(self) -> int:
        """Its number, and nobody else's until ``wait`` has answered."""

    def kill(self) -> None:
        """End it at once, if it runs. Any thread may."""

    def wait(self) -> int:
        """Its exit status, or minus the signal that ended it. One thread may wait."""


#: Those of this process.
TEMPLATES: Final = Templates()
os.register_at_fork(after_in_child=TEMPLATES.forget)


def launch(program: tuple[str, ...], order: Order) -> Started:
    """Start a child in the quickest way that this machine has.

    ``program`` is what Python is told to run (see ``child_program``).

    Raises:
        WorkerLostError: the machine starts none.
    """
    return TEMPLATES.start(program, order) if _has_templates() else start_program(program, order)


def start_program(program: tuple[str, ...], order: Order) -> Started:
    """Start Python anew: where a copy of a process cannot be trusted to work, as on macOS.

    Raises:
        WorkerLostError: the machine starts no process.
    """
    given = order.given
    try:
        return subprocess.Popen(
            [sys.executable, "-P", *program, *given.as_arguments()],
            pass_fds=(given.control, given.feed, given.memory),
            cwd=order.folder,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=order.log,
            stderr=order.log,
        )
    except OSError as error:
        raise WorkerLostError(f"no media process can be started: {error}") from error


@cache
def _has_templates() -> bool:
    """Whether the kernel gives out descriptors for processes (Linux 5.3)."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return Path("/proc/self/task").is_dir()

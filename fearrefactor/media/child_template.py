"""A process that has loaded all that a media child needs, and is copied for each one (Linux).

To start Python and load the libraries takes a quarter of a second of a core, a copy of a process a
few milliseconds. The template has one thread, the environment of a child and no source: no byte of
an upload ever reaches it, so that every copy is as good as new. Its parent sends it, over a socket:

    a request    {"folder", "scratch", "max_memory_bytes"} and five descriptors: life, log, control,
                 feed, memory
    on ``life``  <- {"pid"} and a descriptor for the process, or {"error"}
                 <- {"status"} when the process has ended; it is still there, so that its number
                    cannot be another's
                 -> the parent hangs up; the process is killed if it runs, and reaped
                 <- hung up

When the parent ends, however it does, the template kills all that it started and ends too. When the
template is killed, the kernel kills its children.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from fearrefactor.media.child_start import Given, Order, start
from fearrefactor.media.sandbox import end_with_parent, guard_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.media.sandbox import Start
    from fearrefactor.media.wire import Message

#: Of one message; requests name two paths, answers an error.
LINE_BYTES: Final = 64 << 10


@dataclass(frozen=True)
class _Copy:
    """A child as its template knows it: its number, and two descriptors."""

    pid: int
    process: int
    life: int


class Template:
    """Copies itself at its parent's request; ``serve`` is what a copy does once it is locked in.

    ``requests`` is the number of its end of the socket.
    """

    def __init__(self, requests: int, serve: Callable[[Start], None]) -> None:
        self._requests = socket.socket(fileno=requests)
        self._serve = serve
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)
        self._by_process: dict[int, _Copy] = {}
        self._by_life: dict[int, _Copy] = {}

    def run(self) -> None:
        """Until the parent hangs up, or is gone."""
        guard_template()
        gc.collect()
        gc.freeze()  # what is collected in a copy would be copied first
        try:
            while self._handle_one(self._poll.poll()[0][0]):
                pass
        finally:
            for copy in list(self._by_life.values()):
                self._end(copy)

    def _handle_one(self, descriptor: int) -> bool:
        """One event at a time: the next may be of a descriptor that this one closes.

        Answers whether to go on.
        """
        if descriptor in self._by_life:
            self._end(self._by_life[descriptor])
        elif descriptor in self._by_process:
            self._tell_status(self._by_process[descriptor])
        else:
            return self._hear()
        return True

    def _hear(self) -> bool:
        """A request, or that there will be no more."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._requests, LINE_BYTES, 5)
        except OSError:
            return False
        if not request:
            return False
        told = json.loads(request)
        life, log, control, feed, memory = descriptors
        given = Given(control, feed, memory, told["scratch"], told["max_memory_bytes"])
        try:
            self._copy(Order(given, told["folder"], log), life)
        finally:
            _close(log, control, feed, memory)
        return True

    def _copy(self, order: Order, life: int) -> None:
        """Start a child. It is told on ``life``, which no child holds."""
        template = os.getpid()
        try:
            _check_threads()
            pid = os.fork()
        except (OSError, RuntimeError) as error:
            _answer(life, {"error": str(error)})
            _close(life)
            return
        if pid == 0:
            self._live(order, template)
        copy = _Copy(pid, os.pidfd_open(pid), life)
        self._by_process[copy.process] = self._by_life[life] = copy
        self._poll.register(copy.process, select.POLLIN)
        self._poll.register(life, select.POLLIN)
        _answer(life, {"pid": pid}, copy.process)

    def _live(self, order: Order, template: int) -> NoReturn:
        """The life of a copy, from its first breath."""
        status, given = 1, order.given
        try:
            self._requests.detach()
            os.dup2(order.log, 1)
            os.dup2(order.log, 2)
            _close_all_but({0, 1, 2, given.control, given.feed, given.memory})
            end_with_parent()
            if os.getppid() == template:
                os.chdir(order.folder)
                self._serve(start(given))
                status = 0
        except BaseException:  # noqa: BLE001 - nothing may reach the loop of the template
            traceback.print_exc()
        finally:
            os._exit(status)

    def _tell_status(self, copy: _Copy) -> None:
        """It stays unreaped: its parent limits and names it by its number."""
        self._poll.unregister(copy.process)
        del self._by_process[copy.process]
        ended = os.waitid(os.P_PID, copy.pid, os.WEXITED | os.WNOWAIT)
        if ended is not None:
            by_signal = ended.si_code != os.CLD_EXITED
            _answer(copy.life, {"status": -ended.si_status if by_signal else ended.si_status})

    def _end(self, copy: _Copy) -> None:
        os.kill(copy.pid, signal.SIGKILL)
        os.waitpid(copy.pid, 0)
        self._poll.unregister(copy.life)
        if self._by_process.pop(copy.process, None):
            self._poll.unregister(copy.process)
        del self._by_life[copy.life]
        _close(copy.process, copy.life)


def _check_threads() -> None:
    """A copy has only the thread that made it; locks that others hold would stay shut in it.

    Raises:
        RuntimeError: there are others.
    """
    n_threads = len(list(Path("/proc/self/task").iterdir()))
    if n_threads != 1:
        raise RuntimeError(f"expected a template with 1 thread, it has {n_threads}")


def _answer(life: int, said: Message, *descriptors: int) -> None:
    """The parent may be gone or have hung up already."""
    with contextlib.suppress(OSError):
        asking = socket.socket(fileno=life)
        try:
            socket.send_fds(asking, [json.dumps(said).encode()], descriptors)
        finally:
            asking.detach()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _close_all_but(kept: set[int]) -> None:
    """The template's socket, and what belongs to other children."""
    held = {int(place.name) for place in Path("/proc/self/fd").iterdir()}
    for descriptor in held - kept:
        with contextlib.suppress(OSError):  # the listing's own
            os.close(descriptor)

"""Templates of media children as their parent sees them, and the copies that they make (Linux).

What is said between them stands in ``child_template``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from fearrefactor.errors import WorkerLostError
from fearrefactor.media.child_environment import child_environment
from fearrefactor.media.child_template import LINE_BYTES

if TYPE_CHECKING:
    from fearrefactor.media.child_start import Order

#: A template loads its libraries first, from a disk that may be slow.
_ANSWER_S: Final = 300.0
#: It only has its children to kill.
_END_S: Final = 2.0


class Copy:
    """A child that was copied from a template, which tells of its end on ``life``."""

    def __init__(self, pid: int, process: int, life: socket.socket) -> None:
        self.pid = pid
        self._process = process
        self._life = life
        self._using = threading.Lock()
        self._status: int | None = None

    def kill(self) -> None:
        """See ``Started``."""
        with self._using, contextlib.suppress(ProcessLookupError):
            if self._process >= 0:
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def wait(self) -> int:
        """See ``Started``."""
        if self._status is None:
            told = b""
            with contextlib.suppress(ConnectionError):
                told = self._life.recv(LINE_BYTES)
            if not told:  # the template died, and this with it
                self.kill()
            self._status = int(json.loads(told)["status"]) if told else -signal.SIGKILL
            with contextlib.suppress(OSError):
                self._life.shutdown(socket.SHUT_WR)
                self._life.recv(1)  # until it is reaped
            self._life.close()
            with self._using:
                os.close(self._process)
                self._process = -1
        return self._status


class _TemplateProcess:
    """The parent's hold on one template."""

    def __init__(self, program: tuple[str, ...]) -> None:
        self._log = os.fdopen(os.memfd_create("log", os.MFD_CLOEXEC), "w+b")
        self._requests, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", *program, str(end.fileno())],
                pass_fds=(end.fileno(),),
                cwd="/",
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # what is meant for its parent's group is not for it
            )

    def copy(self, order: Order) -> Copy:
        """A new child.

        Raises:
            ConnectionError, EOFError, TimeoutError: the template is gone, or stuck.
            WorkerLostError: it cannot copy itself.
        """
        given = order.given
        told = {
            "folder": order.folder,
            "scratch": given.scratch,
            "max_memory_bytes": given.max_memory_bytes,
        }
        with contextlib.ExitStack() as held:
            life, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            held.enter_context(life)
            with end:
                ends = (end.fileno(), order.log, given.control, given.feed, given.memory)
                socket.send_fds(self._requests, [json.dumps(told).encode()], ends)
            life.settimeout(_ANSWER_S)
            line, descriptors, _, _ = socket.recv_fds(life, LINE_BYTES, 1)
            if not line:
                raise EOFError
            answer = json.loads(line)
            if "error" in answer:
                raise WorkerLostError(f"no media process can be started: {answer['error']}")
            life.settimeout(None)
            (process,) = descriptors
            held.pop_all()
        return Copy(answer["pid"], process, life)

    def close(self) -> str:
        """End it, and all that it started; answers the last that it wrote.

        Another thread may be about to ask it, and must not meet another file under its number: the
        socket is shut, and closed with the last that knows of it.
        """
        with contextlib.suppress(OSError):
            self._requests.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._log:
            self._log.seek(0)
            log = self._log.read().decode(errors="replace").strip()
        return log.splitlines()[-1][:200] if log else f"it ended with {self._process.returncode}"

    def let_go(self) -> None:
        """Close this process's end."""
        self._requests.close()


class Templates:
    """Those of one process, by program: each is started for the first child and then kept."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._by_program: dict[tuple[str, ...], _TemplateProcess] = {}

    def start(self, program: tuple[str, ...], order: Order) -> Copy:
        """Have a child copied; a template that died is replaced once. Threads may do so at once.

        Raises:
            WorkerLostError: the template cannot be started, or does not copy itself.
        """
        last = ""
        for _ in range(2):
            try:
                template = self._of(program)
                try:
                    return template.copy(order)
                except (ConnectionError, EOFError, TimeoutError) as error:  # it is gone, or stuck
                    last = self._drop(program, template) or str(error)
            except OSError as error:
                raise WorkerLostError(f"no media process can be started: {error}") from error
        raise WorkerLostError(f"no media process can be started: {last}")

    def close(self) -> None:
        """End all of them, and their children; the next child has a new one."""
        with self._changing:
            while self._by_program:
                self._by_program.popitem()[1].close()

    def forget(self) -> None:
        """In a copy of this process: leave the templates to the one that has started them."""
        for template in self._by_program.values():
            template.let_go()
        self._by_program = {}
        self._changing = threading.Lock()  # another thread may have held it

    def _of(self, program: tuple[str, ...]) -> _TemplateProcess:
        with self._changing:
            if program not in self._by_program:
                self._by_program[program] = _TemplateProcess(program)
            return self._by_program[program]

    def _drop(self, program: tuple[str, ...], template: _TemplateProcess) -> str:
        """The last that it wrote, unless another thread has dropped it."""
        with self._changing:
            if self._by_program.get(program) is not template:
                return ""
            return self._by_program.pop(program).close()

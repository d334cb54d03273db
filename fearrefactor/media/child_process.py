"""A locked-in process as its parent sees it: how it is started, spoken to, limited and ended."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from functools import cache
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from fearrefactor.core.settings import ChildSettings
from fearrefactor.errors import LimitError, SandboxError, WorkerLostError, from_wire
from fearrefactor.media.budget import Budget
from fearrefactor.media.child_launch import launch
from fearrefactor.media.child_start import Given, Order
from fearrefactor.media.feed import SourceFeed
from fearrefactor.media.sandbox import Confinement
from fearrefactor.media.source import size_of
from fearrefactor.media.wire import Message, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from fearrefactor.media.child_launch import Started
    from fearrefactor.media.source import Source

_log = logging.getLogger(__name__)
_DEFAULTS: Final = ChildSettings()
#: What a child may write of its own accord: its log.
_LOG_BYTES: Final = 16 << 20


class ChildProcess:
    """A process of its own for one source, which only its parent can read.

    Use it in a ``with`` statement. It is locked in (see ``sandbox``), has no credentials in its
    environment and an empty directory under ``scratch``; of the rest of the machine it reads its
    libraries and ``scratch``. ``settings`` bound its memory and its time.

    Raises:
        LimitError: ``limit_memory``, ``limit_time`` or ``limit_output``; the child is of no more
            use. WorkerLostError: it died. StoreError: the source could not be read.
        SandboxError: it is not locked in as well as ``settings`` ask for.
    """

    #: What Python is told to run.
    program: ClassVar[tuple[str, ...]] = ("-m", "fearrefactor.media.child_program")

    def __init__(self, source: Source, scratch: Path, settings: ChildSettings = _DEFAULTS) -> None:
        self._settings = settings
        self._source_bytes = size_of(source)
        self._budget = Budget(settings.patience)
        with contextlib.ExitStack() as held:
            self._folder = tempfile.TemporaryDirectory(prefix="child-", dir=scratch)
            held.callback(self._folder.cleanup)
            self._memory = _shared_memory()
            held.callback(self._close_memory)
            log = held.enter_context((Path(self._folder.name) / "log.txt").open("wb"))
            self._control, control_end = Pipe()
            feed, feed_end = Pipe()
            self._feed = SourceFeed(source, feed)
            held.callback(self._feed.close)
            held.callback(self._control.close)
            with control_end, feed_end:
                ends = (control_end.fileno(), feed_end.fileno(), self._memory)
                given = Given(*ends, str(scratch.resolve()), settings.max_memory_bytes)
                order = Order(given, self._folder.name, log.fileno())
                self._process = self._launch(order)
            held.callback(self._process.wait)
            held.callback(self._process.kill)
            self._held = held.pop_all()
        self._doing, self._is_late = "starting", False
        self._allowed_s = self._left_s = self._cpu_s = 0.0
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its directory."""
        self._held.close()

    def _launch(self, order: Order) -> Started:
        return launch(self.program, order)

    def _close_memory(self) -> None:
        os.close(self._memory)
        self._memory = -1  # its number may soon be another file's

    def _start(self) -> None:
        answer, _ = self._ask(
            {"do": "start", "size": self._source_bytes}, allowed_s=self._budget.reading(0)
        )
        self.confinement = Confinement(tuple(answer["walls"]), tuple(answer["missing"]))
        gaps = "; ".join(self.confinement.gaps)
        if self._settings.require_sandbox and not self.confinement.is_whole:
            raise SandboxError(f"this machine cannot lock in what parses videos: {gaps}")
        if gaps:
            _say_once(gaps)

    def _ask(
        self, head: Message, *buffers: bytes, allowed_s: float, file_bytes: int = 0
    ) -> tuple[Message, list[bytes]]:
        """The answer to a step that has one."""
        self._begin(head, *buffers, allowed_s=allowed_s, file_bytes=file_bytes)
        return self._hear()

    def _begin(self, head: Message, *buffers: bytes, allowed_s: float, file_bytes: int = 0) -> None:
        """Ask for a step that may keep its parent waiting and write a file only so much.

        The limit on processor time is what ends a child whose parent died; time left over from
        earlier steps stays in it.
        """
        self._allowed_s = self._left_s = allowed_s
        self._cpu_s += allowed_s
        if sys.platform == "linux":
            try:
                self._limit(resource.RLIMIT_CPU, math.ceil(self._cpu_s))
                self._limit(resource.RLIMIT_FSIZE, _LOG_BYTES + file_bytes)
            except OSError as error:
                raise self._lost() from error
        self._say(head, *buffers)

    def _limit(self, what: int, value: int) -> None:
        """Only the parent: a child may not change its limits."""
        hard = resource.prlimit(self._process.pid, what)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.prlimit(self._process.pid, what, (soft, hard))

    def _say(self, head: Message, *buffers: bytes) -> None:
        self._doing = head["do"]
        try:
            with self._in_time():
                send(self._control, head, *buffers)
        except OSError as error:
            raise self._lost() from error

    def _hear(self) -> tuple[Message, list[bytes]]:
        try:
            with self._in_time():
                head, buffers = receive(self._control)
        except (EOFError, OSError, ValueError) as error:
            raise self._lost() from error
        if self._feed.error is not None:
            raise self._feed.error
        if "error" in head:
            raise from_wire(str(head["error"]), str(head["code"]), str(head["message"]))
        return head, buffers

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Wait for the child, which is killed when the step's time is used up.

        Neither silence nor half a message nor deaf ears hold the parent up for longer.
        """
        began = time.monotonic()
        timer = threading.Timer(self._left_s, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._left_s -= time.monotonic() - began

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _lost(self) -> Exception:
        if self._feed.error is not None:
            return self._feed.error
        self._process.kill()
        status = self._process.wait()
        if self._is_late or status == -signal.SIGXCPU:
            return LimitError(
                f"the media process took longer than the {self._allowed_s:.1f} s that it had for "
                f"'{self._doing}' (--patience allows more)",
                code="limit_time",
            )
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        log = (Path(self._folder.name) / "log.txt").read_text(errors="replace").strip()
        last = f": {log.splitlines()[-1][:200]}" if log else ""
        return WorkerLostError(f"the media process {how} during '{self._doing}'{last}")


def _shared_memory() -> int:
    """A file of memory for frames. The child may make it longer, but never shorter.

    What is cut off under a parent that looks at it would end the parent.
    """
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    memory = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return memory


@cache
def _say_once(gaps: str) -> None:
    """What a machine lacks is the same for all its children."""
    _log.warning("what parses videos is not locked in as it could be: %s", gaps)

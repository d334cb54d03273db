"""A media child that a file has taken over: it does what it is told, which is nothing good.

It begins as the real one does and is locked in just so; ``HostileChild`` is its parent's side, and
``HostileProgram`` that of one which is no copy of a template.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fearrefactor.media.child_launch import start_program
from fearrefactor.media.child_process import ChildProcess
from fearrefactor.media.child_program import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.media.child_launch import Started
    from fearrefactor.media.child_start import Order
    from fearrefactor.media.sandbox import Start
    from fearrefactor.media.wire import Message

_PR_GET_DUMPABLE = 3


class HostileChild(ChildProcess):
    """Tells the child what to do."""

    program = (str(Path(__file__).resolve()),)

    def tries(self, misdeed: str, **told: Any) -> Any:
        """What came of it: the name of an errno if it was refused."""
        return self.does(misdeed, allowed_s=60, **told)["came"]

    def does(self, misdeed: str, *, allowed_s: float, **told: Any) -> Message:
        """The answer to a step that has ``allowed_s``."""
        return self._ask({"do": "misdeed", "name": misdeed, **told}, allowed_s=allowed_s)[0]


class HostileProgram(HostileChild):
    """Started as on a machine that has no templates."""

    def _launch(self, order: Order) -> Started:
        return start_program(self.program, order)


def connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"a secret")


def datagram(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a secret", ("127.0.0.1", port))


def local_socket() -> None:
    socket.socketpair()


def network_namespace() -> str:
    return os.readlink("/proc/self/ns/net")  # noqa: PTH115


def execute() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606


def spawn() -> None:
    subprocess.run(["true"], check=True)


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


def trace(pid: int) -> None:
    _call("ptrace", 16, pid, 0, 0)  # PTRACE_ATTACH


def outlive() -> None:
    _call("prctl", 1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG


def read(path: str) -> int:
    return len(Path(path).read_bytes())


def write(path: str) -> None:
    Path(path).write_text("x")


def write_here(n_bytes: int) -> int:
    path = Path("mine")
    try:
        with path.open("wb") as file:
            file.write(bytes(n_bytes))
        return path.stat().st_size
    finally:
        path.unlink()


def delete(path: str) -> None:
    Path(path).unlink()


def raise_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    except ValueError as error:  # so Python calls it
        raise PermissionError(errno.EPERM, str(error)) from error


def limit(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, 8))


def many_files() -> None:
    held: list[int] = []
    try:
        held.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(10_000))
    finally:
        for descriptor in held:
            os.close(descriptor)


def environment() -> dict[str, str]:
    return dict(os.environ)


def open_files() -> list[str]:
    held = []
    for descriptor in range(256):
        with contextlib.suppress(FileNotFoundError):
            held.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
    return held


def chance() -> list[float]:
    """What a program would draw that has not chosen a seed."""
    import random

    import numpy as np

    return [random.random(), np.random.random()]  # noqa: NPY002 - its seed is the question


def dumps() -> list[int]:
    """Whether it may be traced or dumped, and how large a core file may be."""
    libc = ctypes.CDLL(None)
    return [libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE)]


def capabilities() -> int:
    held = ctypes.create_string_buffer(24)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    ctypes.CDLL(None).capget(header, held)
    return sum(held.raw)


def allocate() -> None:
    held = []
    while True:
        held.append(bytes(64 << 20))


def spin() -> None:
    while True:
        pass


def segfault() -> None:
    ctypes.string_at(0)


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def serve(begun: Start) -> None:
    """The real child, which can do one thing more."""
    from fearrefactor.media.child_main import Child

    class Hostile(Child):
        def __init__(self, begun: Start) -> None:
            super().__init__(begun)
            self._does["misdeed"] = self._misdeed

        def _misdeed(self, head: Message, _: list[bytes]) -> None:
            special: dict[str, Callable[[], None]] = {
                "shrink": self._shrink,
                "half_a_message": self._half_a_message,
            }
            name = head.pop("name")
            told = {key: head[key] for key in head if key not in {"do", "buffers"}}
            act: Any = special.get(name) or globals()[name]
            try:
                came = act(**told)
            except OSError as error:
                if error.errno == errno.EFBIG:
                    raise
                came = errno.errorcode[error.errno or 0]
            self._say({"came": came})

        def _shrink(self) -> None:
            os.ftruncate(self._memory, 4096)
            os.ftruncate(self._memory, 0)

        def _half_a_message(self) -> None:
            os.write(self._control.fileno(), b"\0\0\1\0{")
            time.sleep(60)

    Hostile(begun).serve()


if __name__ == "__main__":
    run(sys.argv[1:], lambda: serve)

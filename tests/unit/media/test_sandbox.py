from __future__ import annotations

import errno
import io
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import av.error
import pytest
from hostile_child import HostileChild, HostileProgram

from fearrefactor.core.settings import ChildSettings
from fearrefactor.errors import LimitError, SandboxError, UnsupportedError, WorkerLostError
from fearrefactor.media import child_process
from fearrefactor.media.child_launch import TEMPLATES
from fearrefactor.media.child_main import as_told
from fearrefactor.media.sandbox import Confinement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can lock processes in")

SECRET = "s3cr3t-value"  # noqa: S105 - it is none


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's disk: a scratch directory, and what else lies there."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "scratch").mkdir()
    (folder / "scratch" / "other.packets").write_text("of the same video")
    (folder / "credentials").write_text(SECRET)
    return folder


@pytest.fixture(scope="module", params=[HostileChild, HostileProgram])
def child(request: pytest.FixtureRequest, folder: Path) -> Iterator[HostileChild]:
    """One for all that a child survives."""
    TEMPLATES.close()  # the next one starts with a secret in reach
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    descriptor = os.open(folder / "credentials", os.O_RDONLY)
    os.set_inheritable(descriptor, True)  # noqa: FBT003
    try:
        with request.param(io.BytesIO(b"x"), folder / "scratch") as child:
            yield child
    finally:
        del os.environ["AWS_SECRET_ACCESS_KEY"]
        os.close(descriptor)


def starter(child: HostileChild) -> int:
    """The process that started it: a template, or this one."""
    with open(f"/proc/{child._process.pid}/stat") as file:  # noqa: PTH123
        return int(file.read().rpartition(")")[2].split()[1])


@contextmanager
def wall(child: HostileChild, name: str) -> Iterator[None]:
    """Skips where the kernel has no such wall; the reason is what the child was told."""
    missing = [text for text in child.confinement.missing if text.startswith(name)]
    if missing:
        pytest.skip(missing[0])
    yield


@pytest.mark.parametrize(
    "misdeed",
    [
        *("local_socket", "execute", "spawn", "fork", "raise_limit", "outlive"),
    ],
)
def test_what_would_reach_out_of_a_child_is_refused(misdeed: str, child: HostileChild) -> None:
    with wall(child, "system calls"):
        assert child.tries(misdeed) == "EPERM"


@pytest.mark.parametrize("misdeed", ["kill", "trace", "limit"])
def test_neither_its_parent_nor_what_it_was_copied_from_is_within_reach_of_a_child(
    misdeed: str, child: HostileChild
) -> None:
    with wall(child, "system calls"):
        for pid in (os.getpid(), starter(child)):
            assert child.tries(misdeed, pid=pid) == "EPERM"


def test_nothing_that_a_child_sends_arrives_on_the_same_machine(child: HostileChild) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        assert child.tries("connect", port=server.getsockname()[1]) == "EPERM"
        assert child.tries("datagram", port=datagrams.getsockname()[1]) == "EPERM"
        for listening in (server, datagrams):
            listening.settimeout(0)
            with pytest.raises(BlockingIOError):
                listening.accept() if listening is server else listening.recv(1)


def test_a_network_of_its_own_suffices_where_there_is_no_filter(child: HostileChild) -> None:
    with wall(child, "network namespace"), socket.create_server(("127.0.0.1", 0)) as server:
        assert child.tries("network_namespace") != os.readlink("/proc/self/ns/net")  # noqa: PTH115
        program = (
            "import socket, sys; from fearrefactor.media.sandbox import _leave_network\n"
            "_leave_network()\n"
            "sys.exit(socket.socket().connect_ex(('127.0.0.1', int(sys.argv[1]))))"
        )
        port = str(server.getsockname()[1])
        assert subprocess.run([sys.executable, "-c", program, port], check=False).returncode != 0
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_child_reads_no_credentials_from_anywhere(child: HostileChild, folder: Path) -> None:
    environment, held = child.tries("environment"), child.tries("open_files")
    assert "PYTHONPATH" in environment
    assert SECRET not in str(environment)
    assert not [name for name in environment if name.startswith(("AWS", "HOME"))]
    assert str(folder / "credentials") not in held
    assert len([name for name in held if name.startswith("socket:")]) == 2  # its two pipes
    log = f"{child._folder.name}/log.txt"
    assert sorted(name for name in held if not name.startswith("socket:")) == sorted(
        ["/dev/null", log, log, "/memfd:frames (deleted)", f"/proc/{child._process.pid}/status"]
    )
    for pid in (os.getpid(), starter(child)):
        assert child.tries("read", path=f"/proc/{pid}/environ") in {"EACCES", "EPERM"}
    with wall(child, "files"):
        for path in (str(folder / "credentials"), "/etc/passwd", "/proc/self/status"):
            assert child.tries("read", path=path) == "EACCES"
    assert child.tries("read", path=str(folder / "scratch" / "other.packets")) == 17


def test_a_child_writes_only_into_its_own_directory(child: HostileChild, folder: Path) -> None:
    with wall(child, "files"):
        for place in (folder, folder / "scratch", "/tmp", "/dev/shm"):  # noqa: S108
            assert child.tries("write", path=f"{place}/written-by-a-child") == "EACCES"
        other = str(folder / "scratch" / "other.packets")
        assert child.tries("write", path=other) == "EACCES"
        assert child.tries("delete", path=other) == "EACCES"
    assert child.tries("write_here", n_bytes=1000) == 1000


def test_a_child_opens_few_files_and_goes_on(child: HostileChild) -> None:
    assert child.tries("many_files") == "EMFILE"
    assert child.tries("write_here", n_bytes=1) == 1


def test_a_child_has_no_capability_and_leaves_no_dump(child: HostileChild) -> None:
    assert child.tries("capabilities") == 0
    assert child.tries("dumps") == [0, 0, 0]


def test_a_child_cannot_pull_shared_frames_from_under_its_parent(child: HostileChild) -> None:
    assert child.tries("shrink") == "EPERM"


def test_a_file_larger_than_any_result_is_not_written(child: HostileChild) -> None:
    with pytest.raises(LimitError) as caught:
        child.tries("write_here", n_bytes=32 << 20)
    assert caught.value.code == "limit_output"


def test_a_child_that_allocates_without_end_has_a_code_of_its_own(folder: Path) -> None:
    settings = ChildSettings(max_memory_bytes=2 << 30)
    with HostileChild(io.BytesIO(b"x"), folder / "scratch", settings) as child:
        with pytest.raises(LimitError, match="--media-memory") as caught:
            child.tries("allocate")
        assert caught.value.code == "limit_memory"
        with pytest.raises(WorkerLostError, match="signal 11 during 'misdeed'") as lost:
            child.tries("segfault")
        assert lost.value.code == "poison"


@pytest.mark.parametrize("misdeed", ["spin", "half_a_message"])
def test_a_child_is_ended_when_its_time_is_over(misdeed: str, folder: Path) -> None:
    with HostileChild(io.BytesIO(b"x"), folder / "scratch") as child:
        began = time.monotonic()
        with pytest.raises(LimitError, match=r"longer than the 0\.5 s") as caught:
            child.does(misdeed, allowed_s=0.5)
        assert time.monotonic() - began < 0.5 + 2
        assert caught.value.code == "limit_time"


def test_a_child_that_nobody_waits_for_ends_with_its_processor_time(folder: Path) -> None:
    with HostileChild(io.BytesIO(b"x"), folder / "scratch") as child:
        child._cpu_s = 0
        child._begin({"do": "misdeed", "name": "spin"}, allowed_s=1)
        assert child._process.wait() == -signal.SIGXCPU
        with pytest.raises(LimitError) as caught:
            child._hear()
        assert caught.value.code == "limit_time"


class Unconfined(HostileChild):
    """Runs where the kernel has none of it."""

    def _ask(self, *what: Any, **told: Any) -> Any:
        answer, buffers = super()._ask(*what, **told)
        return {**answer, "walls": ["memory"], "missing": ["files: no Landlock"]}, buffers


def test_a_machine_that_cannot_lock_a_child_in_says_so_once_or_does_no_work(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child_process._say_once.cache_clear()
    for _ in range(2):
        with Unconfined(io.BytesIO(b"x"), folder / "scratch"):
            pass
    assert [record.message for record in caplog.records] == [
        "what parses videos is not locked in as it could be: files: no Landlock"
    ]
    before = set((folder / "scratch").iterdir())
    strict = ChildSettings(require_sandbox=True)
    with pytest.raises(SandboxError, match=r"cannot lock in .* no Landlock") as caught:
        Unconfined(io.BytesIO(b"x"), folder / "scratch", strict)
    assert caught.value.code == "no_sandbox"
    assert set((folder / "scratch").iterdir()) == before


@pytest.mark.parametrize(
    ("walls", "is_whole"),
    [
        (("memory", "files", "system calls"), True),
        (("memory", "files", "network namespace"), True),
        (("memory", "files"), False),
        (("memory", "system calls", "network namespace"), False),
        (("files", "system calls"), False),
    ],
)
def test_walls_are_whole_when_network_files_and_memory_are_closed(
    walls: tuple[str, ...],
    is_whole: bool,  # noqa: FBT001
) -> None:
    assert Confinement(walls, ()).is_whole is is_whole


def test_the_filter_makes_up_for_a_network_that_could_not_be_left() -> None:
    missing = ("network namespace: refused", "files: no Landlock")
    assert Confinement(("system calls",), missing).gaps == missing[1:]
    assert Confinement((), missing).gaps == missing


def caused_by(cause: Exception) -> Exception:
    """An error as the wall raises it, of the library's."""
    error = UnsupportedError("libx265 cannot encode")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "share", "code"),
    [
        (MemoryError(), 0.1, "limit_memory"),
        (caused_by(av.error.MemoryError(errno.ENOMEM, "")), 0.1, "limit_memory"),
        (caused_by(av.error.ExternalError(542398533, "")), 0.8, "limit_memory"),
        (caused_by(av.error.ExternalError(542398533, "")), 0.7, "unsupported"),
        (caused_by(OSError(errno.EFBIG, "")), 0.1, "limit_output"),
        (caused_by(av.error.OSError(errno.ENOSPC, "")), 0.1, "disk_full"),
        (caused_by(OSError(errno.EIO, "")), 0.9, "unsupported"),
        (ZeroDivisionError(), 0.9, "decode_error"),
    ],
)
def test_running_into_a_limit_is_told_from_a_bad_file(
    error: Exception, share: float, code: str
) -> None:
    assert as_told(error, share).code == code

from __future__ import annotations

import io
import os
import re
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile_child import HostileChild

from fearrefactor.errors import WorkerLostError
from fearrefactor.media import child_copy
from fearrefactor.media.child import MediaChild
from fearrefactor.media.child_launch import TEMPLATES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has templates")


def field(pid: int, name: str) -> str:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def template_of(child: MediaChild | HostileChild) -> int:
    return int(field(child._process.pid, "PPid"))


def is_there(pid: int) -> bool:
    """Also of one that has ended and is not reaped."""
    return Path(f"/proc/{pid}").exists()


def wait_until_gone(pids: list[int], within_s: float = 10) -> None:
    end = time.monotonic() + within_s
    while left := [
        pid for pid in pids if is_there(pid) and not field(pid, "State").startswith("Z")
    ]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_children_are_copies_of_one_template_and_each_serves_one_source(tmp_path: Path) -> None:
    pids, templates = [], set()
    for _ in range(3):
        with MediaChild(io.BytesIO(b"x"), tmp_path) as child:
            pids.append(child._process.pid)
            templates.add(template_of(child))
        assert not is_there(child._process.pid)
    assert len(set(pids)) == 3
    assert len(templates) == 1
    assert os.getpid() not in templates


def test_threads_start_children_at_the_same_time_from_nothing(tmp_path: Path) -> None:
    TEMPLATES.close()

    def work(_: int) -> tuple[int, list[str], list[float]]:
        with HostileChild(io.BytesIO(b"x"), tmp_path) as child:
            return template_of(child), child.tries("open_files"), child.tries("chance")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(work, range(8)))
    assert len({template for template, _, _ in found}) == 1
    for _, held, _ in found:  # nothing of its neighbours, or of the template
        assert len([name for name in held if name.startswith("socket:")]) == 2
        assert not [name for name in held if name.startswith(("anon_inode:", "pipe:"))]
    assert len({number for _, _, drawn in found for number in drawn}) == 16
    assert list(tmp_path.iterdir()) == []


def test_the_death_of_a_child_is_seen_while_its_neighbours_live(tmp_path: Path) -> None:
    with (
        HostileChild(io.BytesIO(b"x"), tmp_path) as first,
        HostileChild(io.BytesIO(b"x"), tmp_path) as second,
        HostileChild(io.BytesIO(b"x"), tmp_path) as third,
    ):
        with pytest.raises(WorkerLostError, match="signal 11 during 'misdeed'"):
            second.tries("segfault")
        second.close()
        first._control.close()
        assert first._process.wait() == 0
        assert third.tries("write_here", n_bytes=1) == 1


def test_the_number_of_a_dead_child_is_not_free_before_its_parent_knows(tmp_path: Path) -> None:
    with MediaChild(io.BytesIO(b"x"), tmp_path) as child:
        pid = child._process.pid
        os.kill(pid, signal.SIGBUS)
        end = time.monotonic() + 10
        while not field(pid, "State").startswith("Z"):
            assert time.monotonic() < end
            time.sleep(0.01)
        with MediaChild(io.BytesIO(b"x"), tmp_path):
            pass  # the template has done something since
        resource.prlimit(pid, resource.RLIMIT_CPU)
        assert child._process.wait() == -signal.SIGBUS
        assert not is_there(pid)
        assert child._process.wait() == -signal.SIGBUS
        child._process.kill()  # does not reach whoever comes after


def test_children_end_with_their_template_and_the_next_has_a_new_one(tmp_path: Path) -> None:
    with HostileChild(io.BytesIO(b"x"), tmp_path) as child:
        template = template_of(child)
        child._begin({"do": "misdeed", "name": "spin"}, allowed_s=60)
        os.kill(template, signal.SIGKILL)
        wait_until_gone([child._process.pid])  # nobody has waited for it: the kernel ended it
        with pytest.raises(WorkerLostError, match="signal 9 during 'misdeed'"):
            child._hear()
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: HostileChild(io.BytesIO(b"x"), tmp_path), range(4)))
    assert len({template_of(child) for child in made} - {template}) == 1
    for child in made:
        child.close()
    assert not is_there(template)
    assert list(tmp_path.iterdir()) == []


def test_a_template_that_does_not_answer_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_copy, "_ANSWER_S", 2.0)
    monkeypatch.setattr(child_copy, "_END_S", 0.1)
    with HostileChild(io.BytesIO(b"x"), tmp_path) as child:
        stuck = template_of(child)
    os.kill(stuck, signal.SIGSTOP)
    with HostileChild(io.BytesIO(b"x"), tmp_path) as child:
        assert template_of(child) != stuck
    assert not is_there(stuck)


def test_a_template_has_one_thread_and_nothing_that_it_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TEMPLATES.close()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-value")
    with MediaChild(io.BytesIO(b"x"), tmp_path) as child:
        pid = template_of(child)
        assert field(pid, "Threads") == "1"
        assert field(pid, "NoNewPrivs") == "1"
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        assert os.getpgid(pid) == pid  # what is sent to this one's group does not end children
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                Path(f"/proc/{pid}/environ").read_bytes()
        else:  # only root may look inside
            assert os.readlink(f"/proc/{pid}/cwd") == "/"  # noqa: PTH115
            assert b"s3cr3t" not in Path(f"/proc/{pid}/environ").read_bytes()


class WithoutLibraries(MediaChild):
    """Its program ends at once."""

    program = ("-c", "raise SystemExit('there is no such library')")


class WithThread(MediaChild):
    """A library that it loads has started a thread."""

    program = (
        "-c",
        """
import sys, threading, time
from fearrefactor.media.child_program import run
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
run(sys.argv[1:], lambda: None)
""",
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [(WithoutLibraries, "there is no such library"), (WithThread, "1 thread, it has 2")],
)
def test_a_child_that_cannot_be_started_is_a_lost_worker(
    kind: type[MediaChild], message: str, tmp_path: Path
) -> None:
    held = set(Path("/proc/self/fd").iterdir())
    code = ""
    try:
        kind(io.BytesIO(b"x"), tmp_path)
    except WorkerLostError as error:
        code = error.code
        assert re.search(f"can be started: .*{message}", str(error))  # noqa: PT017 - see below
    assert code == "poison"  # the error is gone, and with it what it refers to
    assert list(tmp_path.iterdir()) == []
    TEMPLATES.close()
    assert set(Path("/proc/self/fd").iterdir()) <= held

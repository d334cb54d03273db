"""What becomes of media children whose parent is killed, or makes a copy of itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has templates")

#: Starts a child that works without end and one that waits, then makes a copy of itself that does
#: the same; each prints its own number and theirs.
PARENT = """
import io, json, os, sys, time
from pathlib import Path
from hostile_child import HostileChild

def start():
    spinning, waiting = (HostileChild(io.BytesIO(b"x"), Path(sys.argv[1])) for _ in range(2))
    spinning._begin({"do": "misdeed", "name": "spin"}, allowed_s=300)
    pids = [spinning._process.pid, waiting._process.pid]
    parents = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] for pid in pids]
    print(json.dumps([os.getpid(), *pids, *map(int, set(parents))]), flush=True)
    return spinning, waiting

held = start()
if os.fork() == 0:
    more = start()
time.sleep(120)
"""


def running(pids: list[int]) -> list[int]:
    """Those that have not ended; one whose parent is dead may wait to be reaped."""
    found = []
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii")
        except OSError:
            continue
        if stat.rpartition(")")[2].split()[0] not in "ZX":
            found.append(pid)
    return found


def wait_until_ended(pids: list[int], within_s: float) -> None:
    end = time.monotonic() + within_s
    while left := running(pids):
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_a_parent_that_is_killed_takes_its_children_along_and_nobody_elses(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    theirs = [json.loads(process.stdout.readline()) for _ in range(2)]
    copied = os.pidfd_open(theirs[1][0])
    try:
        assert [len(pids) for pids in theirs] == [4, 4]  # itself, two children, one template
        assert len({*theirs[0], *theirs[1]}) == 8
        assert running(theirs[0] + theirs[1]) == theirs[0] + theirs[1]
        process.kill()
        wait_until_ended(theirs[0], within_s=2)  # its copy still holds what it had opened
        assert running(theirs[1]) == theirs[1]
        signal.pidfd_send_signal(copied, signal.SIGKILL)
        wait_until_ended(theirs[1], within_s=2)
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(copied, signal.SIGKILL)
        os.close(copied)
        process.kill()
        process.wait()
        process.stdout.close()

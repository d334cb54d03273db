"""Try 8: the driver is killed in the middle, and the same command is started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lamp_clips import clip
from shell import Shell

from fearrefactor.core.ledger import Begun, Ended, RunState
from fearrefactor.core.report import VideoReport
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import read_events
from fearrefactor.storage.report_log import read_reports
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Trial
    from shell import Said

N_CLIPS = 6
N_FRAMES = 12
PASSING = ("scratch/", "claims/", "runs/")


class Night:
    """The run ``night`` over a manifest of tiny clips, by a driver in a process of its own."""

    def __init__(self, folder: Path, model: Path, cache: Path) -> None:
        self._folder = folder
        self._model = model
        self._cache = cache
        self.output = folder / "out"
        self.run = RunFolder(FolderStore(self.output), "", "night")
        with (folder / "tonight.jsonl").open("w", encoding="utf-8") as manifest:
            for number in range(N_CLIPS):
                path = folder / f"{number}.mp4"
                path.write_bytes(clip({"red": range(N_FRAMES)}, N_FRAMES, seed=number))
                manifest.write(json.dumps({"id": f"film-{number}", "uri": str(path)}) + "\n")

    def mask(self) -> subprocess.Popen[bytes]:
        model = ("--model", self._model, "--classes", "dog", "--workers", 1)
        place = ("--output", self.output, "--run-id", "night")
        return self.start("mask", self._folder / "tonight.jsonl", *model, *place)

    def ask(self, command: str) -> Said:
        return Shell()(command, self.output / "runs" / "night", "--json")

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "fearrefactor.cli.main", *map(str, words)],
            env={**os.environ, "FEARREFACTOR_CACHE": str(self._cache), "NIGHT": str(self._folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def processes(self) -> list[tuple[int, bytes]]:
        """Ids and command lines of all that any of its drivers has started and that still lives."""
        marker = os.fsencode(f"NIGHT={self._folder}")
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # gone since, or not ours
                if marker in (place / "environ").read_bytes():
                    found.append((int(place.name), (place / "cmdline").read_bytes()))
        return found

    def state(self) -> RunState:
        state = RunState()
        for event in read_events(self.run.store, self.run.ledger_prefix):
            state.add(event)
        return state

    def model_frames(self) -> list[dict[int, int]]:
        """For each driver, how many frames of each row that ended it gave to the model."""
        drivers: list[dict[int, int]] = []
        for event in read_events(self.run.store, self.run.ledger_prefix):
            if isinstance(event, Begun):
                drivers.append({})
            elif isinstance(event, Ended):
                drivers[-1][event.report.row] = event.report.n_model_frames
        return drivers

    def objects(self) -> dict[str, tuple[int, int]]:
        """Inode and time of change of every object that is to stay, but for the ledger's."""
        found = (self.run.store.stat(listed.key) for listed in self.run.store.list(""))
        kept = [stat.key for stat in found if not stat.key.startswith(PASSING)]
        stats = {key: (self.output / key).stat() for key in kept}
        return {key: (stat.st_ino, stat.st_mtime_ns) for key, stat in stats.items()}


def wait_for_first(night: Night, driver: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not night.state().n_done:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline, "no video was done in two minutes"
        time.sleep(0.1)


@pytest.fixture
def night(tmp_path: Path, random_model: Path, model_cache: Path) -> Iterator[Night]:
    night = Night(tmp_path, random_model, model_cache)
    yield night
    for process, _ in night.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("no_ray")
def test_after_the_driver_was_killed_the_same_command_does_the_rest_and_nothing_twice(
    night: Night, tried: Trial
) -> None:
    driver = night.mask()
    wait_for_first(night, driver)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate(timeout=60)

    before, state = night.objects(), night.state()
    told: dict[str, Any] = json.loads(night.ask("status").out)
    assert (told["phase"], told["rows"]) == ("running", N_CLIPS)  # it is not silent for long yet
    assert (told["rows_done"], told["rows_failed"]) == (state.n_done, 0)
    assert told["rows_in_flight"] == len(state.in_flight) > 0
    assert night.ask("reconcile").code == 1  # nobody knows yet that it is dead
    assert not night.run.is_reported

    driver = night.mask()
    out, err = driver.communicate(timeout=200)
    assert driver.returncode == 0, (out, err)
    rows = read_reports(night.output / night.run.report_key)
    reports = {row["row"]: VideoReport.model_validate(row) for row in rows}
    assert {row: told.outcome for row, told in reports.items()} == dict.fromkeys(
        range(1, N_CLIPS + 1), "clean"
    )
    after = night.objects()
    assert {key: after.get(key) for key in before} == before
    # Ray's own agents look only every minute or two whether their node is still there.
    assert [line for _, line in night.processes() if b"Agent" not in line] == []
    assert len([key for key in after if key.startswith("videos/")]) == N_CLIPS

    first, second = night.model_frames()
    assert first
    assert all(reports[row].reused and second[row] == 0 for row in first)
    success = json.loads((night.output / night.run.success_key).read_bytes())
    assert success["outcomes"] == {"clean": N_CLIPS}
    assert json.loads(night.ask("status").out)["phase"] == "finished"
    again = night.ask("reconcile")
    assert (again.code, json.loads(again.out)["rows"]) == (0, N_CLIPS)
    tried(f"{N_CLIPS} films", f"{len(first)} done before, all of them reused")

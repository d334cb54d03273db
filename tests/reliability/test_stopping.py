"""A driver that is asked to leave leaves, loses nothing, and the same command goes on."""

from __future__ import annotations

import pickle
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in, wait_until
from ray_head import RayHead
from stub_model import SlowModel

if TYPE_CHECKING:
    from conftest import Trial

N_FILMS = 30
TESTS = Path(__file__).resolve().parents[1]


def slow_night(folder: Path, workers: int | None) -> Night:
    rows = rows_in(folder / "films", films(N_FILMS))
    return Night(str(folder / "out"), rows, model=SlowModel(pause_s=0.1), workers=workers)


def finish(night: Night, folder: Path) -> None:
    """The same command once more does the rest, and nothing that was done."""
    n_done = night.state().n_done
    driver = Driver(night, folder)
    assert driver.wait(120) == 0, driver.said()
    reports = assert_invariants(night)
    assert sum(report.reused for report in reports) >= n_done
    assert [report.outcome for report in reports] == ["masked"] * N_FILMS
    assert_nothing_is_left(night, folder)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", [None, 2], ids=["one process", "actors"])
def test_a_driver_that_gets_sigterm_leaves_within_30_s_and_the_same_command_goes_on(
    workers: int | None, night_folder: Path, tried: Trial
) -> None:
    night = slow_night(night_folder, workers)
    driver = Driver(night, night_folder)
    driver.until(lambda: night.state().n_done >= 2)
    start = time.monotonic()
    driver.kill(signal.SIGTERM)
    assert driver.wait(60) == 3, driver.said()
    took_s = time.monotonic() - start
    assert took_s < 30
    state = night.state()
    assert state.stopped == "SIGTERM"
    assert 2 <= state.n_done < N_FILMS
    assert state.n_failed == 0
    assert "the same command with --run-id night goes on" in driver.said()
    assert_invariants(night, is_over=False)
    finish(night, night_folder)
    assert_a_rerun_does_nothing(night)
    tried(f"{N_FILMS} films", f"left after {took_s:.1f} s")


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("no_ray")
def test_a_job_that_is_stopped_says_so_in_its_ledger_and_is_finished_when_submitted_again(
    night_folder: Path, tried: Trial
) -> None:
    night = replace(slow_night(night_folder, 2), ray_address="auto")
    plan = night_folder / "night.pickle"
    plan.write_bytes(pickle.dumps(night))
    entrypoint = (sys.executable, str(TESTS / "nights.py"), str(plan))
    environment = {"PYTHONPATH": str(TESTS), "RAY_JOB_STOP_WAIT_TIME_S": "30"}
    with RayHead(night_folder, environment) as head:
        named = ("--submission-id", "night", "--no-wait", "--working-dir", ".")
        submitted = head.job("submit", *named, "--", *entrypoint, timeout_s=60)
        assert submitted.returncode == 0, submitted.stdout + submitted.stderr
        wait_until(lambda: night.state().n_done >= 2)
        start = time.monotonic()
        stopped = head.job("stop", "night", timeout_s=60)
        took_s = time.monotonic() - start
        assert "night" in stopped.stdout + stopped.stderr
        assert night.state().stopped == "SIGTERM"
        assert_invariants(night, is_over=False)
        again = head.submit(*entrypoint, timeout_s=120)
    assert again.returncode == 0, again.stdout[-2000:]
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * N_FILMS
    tried(f"{N_FILMS} films", f"a stopped job left after {took_s:.1f} s")

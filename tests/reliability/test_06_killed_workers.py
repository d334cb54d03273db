"""Try 6: a random worker is killed again and again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, processes_of, rows_in
from stub_model import SlowModel

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_ray")
def test_workers_killed_at_random_again_and_again_cost_nothing_but_time(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films, every_s = (200, 10.0) if full else (12, 4.0)
    night = Night(
        str(night_folder / "out"),
        rows_in(night_folder / "in", films(n_films)),
        model=SlowModel(pause_s=0.1),
        workers=2,
    )
    driver = Driver(night, night_folder)
    driver.until(lambda: night.state().n_done)
    chance = random.Random(6)
    n_killed = 0
    while driver.process.poll() is None:
        workers = [pid for pid, line in processes_of(night_folder).items() if "ray::Worker" in line]
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                n_killed += 1
        end = time.monotonic() + every_s
        while time.monotonic() < end and driver.process.poll() is None:
            time.sleep(0.05)
    assert driver.wait() == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    n_lost = night.state().n_lost.total()
    assert 0 < n_lost <= n_killed
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    tried(f"{n_films} films, a worker every {every_s:.0f} s", f"{n_killed} killed, 0 failed")

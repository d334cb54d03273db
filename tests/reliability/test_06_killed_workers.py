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
from nights import Driver, Night, films, processes_of, rows_in, wait_until
from stub_model import SlowModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Trial


def is_at_work(driver: Driver, has_done: Callable[[], bool]) -> bool:
    """Once it has done something; not if it has ended."""
    wait_until(lambda: has_done() or driver.process.poll() is not None)
    return driver.process.poll() is None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_ray")
def test_workers_killed_at_random_again_and_again_cost_nothing_but_time(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films, every_s = (200, 10.0) if full else (14, 4.0)
    night = Night(
        str(night_folder / "out"),
        rows_in(night_folder / "in", films(n_films)),
        model=SlowModel(pause_s=0.1),
        workers=2,
    )
    driver = Driver(night, night_folder)
    chance, n_killed, n_done = random.Random(6), 0, 0
    # On a machine so busy that nothing gets done between two kills, none of this would mean much.
    while is_at_work(driver, lambda n=n_done: night.state().n_done > n):  # type: ignore[misc]
        n_done = night.state().n_done
        time.sleep(every_s)
        workers = [pid for pid, line in processes_of(night_folder).items() if "ray::Worker" in line]
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                n_killed += 1
    assert driver.wait() == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    n_lost = night.state().n_lost.total()
    assert 0 < n_lost <= n_killed
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    tried(f"{n_films} films, a worker every {every_s:.0f} s", f"{n_killed} killed, 0 failed")

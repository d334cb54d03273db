"""Try 9: the head of the cluster is lost with all that ran on it; the job is submitted again."""

from __future__ import annotations

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

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("no_ray")
def test_after_the_head_was_lost_the_same_command_on_a_new_one_does_the_rest(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films = 200 if full else 20
    rows = rows_in(night_folder / "films", films(n_films))
    night = Night(str(night_folder / "out"), rows, model=SlowModel(pause_s=0.1), workers=2)
    environment = {"PYTHONPATH": str(TESTS)}
    with RayHead(night_folder, environment) as head:
        driver = Driver(replace(night, ray_address=head.address), night_folder, **head.environment)
        driver.until(lambda: night.state().n_done >= n_films // 4)
        head.kill()
        killed_s = time.monotonic()
        wait_until(lambda: night.state().stopped, 60, driver.said)
        silent_s = time.monotonic() - killed_s
        driver.wait(100)
    assert "the head of the Ray cluster at" in driver.said()
    state = night.state()
    assert str(state.stopped).startswith("HeadLostError: the head of the Ray cluster at")
    assert state.n_failed == 0
    assert state.n_done < n_films
    assert_invariants(night, is_over=False)

    with RayHead(night_folder, environment) as head:
        driver = Driver(replace(night, ray_address=head.address), night_folder, **head.environment)
        assert driver.wait(200) == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    n_reused = sum(report.reused for report in reports)
    assert n_reused >= state.n_done
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(night)
    told = f"the driver says so after {silent_s:.0f} s"
    tried(f"{n_films} films", told, f"{state.n_done} done before, {n_reused} reused, 0 failed")

"""Try 9: the head of the cluster is lost with all that ran on it; the job is submitted again."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in
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
    # Ray's own default is to hope for a minute that the head comes back.
    hasty = {"PYTHONPATH": str(TESTS), "RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    with RayHead(night_folder, hasty) as head:
        driver = Driver(replace(night, ray_address=head.address), night_folder, **head.environment)
        driver.until(lambda: night.state().n_done >= n_films // 4)
        head.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            driver.wait(90)
        driver.kill()
        assert driver.wait() != 0
    n_done = night.state().n_done
    assert n_done < n_films
    assert_invariants(night, is_over=False)

    with RayHead(night_folder, hasty) as head:
        driver = Driver(replace(night, ray_address=head.address), night_folder, **head.environment)
        assert driver.wait(200) == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    n_reused = sum(report.reused for report in reports)
    assert n_reused >= n_done
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(night)
    tried(f"{n_films} films", f"{n_done} done before, {n_reused} reused, 0 failed")

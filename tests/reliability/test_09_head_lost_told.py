"""Try 9: a driver that is elsewhere is told that the head of its cluster is gone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_invariants
from nights import Driver, Night, films, kill_all_of, rows_in, wait_until
from stub_model import SlowModel
from two_nodes import TwoNodes

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_FILMS = 24


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("no_ray")
def test_a_driver_whose_clusters_head_is_gone_ends_and_says_so_and_the_same_again_does_the_rest(
    night_folder: Path, tried: Trial
) -> None:
    with TwoNodes(night_folder) as cluster:
        night = Night(
            str(night_folder / "out"),
            rows_in(night_folder / "in", films(N_FILMS)),
            model=SlowModel(pause_s=1.0),
            workers=2,
            ray_address=cluster.address,
        )
        driver = Driver(night, night_folder)
        driver.until(lambda: night.state().n_done)
        cluster.kill_head()
        killed_s = time.monotonic()
        wait_until(lambda: night.state().stopped, 60, driver.said)
        silent_s = time.monotonic() - killed_s
        assert driver.wait(100) == 1
        kill_all_of(night_folder)  # a cluster without a head ends slowly
    assert "the head of the Ray cluster at" in driver.said()
    state = night.state()
    assert state.n_failed == 0
    assert str(state.stopped).startswith("HeadLostError: the head of the Ray cluster at")
    replace(night, workers=None, model=SlowModel(pause_s=0)).run()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * N_FILMS
    assert sum(report.reused for report in reports) >= state.n_done
    tried(f"{N_FILMS} films", f"the driver says so after {silent_s:.0f} s; exit code 1")

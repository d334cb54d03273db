"""Try 7: a node is drained, as a cloud does before it takes a machine away, and then killed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from ledgers import losses
from nights import Driver, Night, films, rows_in
from stub_model import SlowModel
from two_nodes import TwoNodes

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_ray")
def test_a_node_that_is_drained_and_then_killed_fails_no_row_and_counts_against_none(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films, deadline_s = (400, 30.0) if full else (12, 3.0)
    with TwoNodes(night_folder) as cluster:
        night = Night(
            str(night_folder / "out"),
            rows_in(night_folder / "in", films(n_films)),
            model=SlowModel(pause_s=0.2),
            workers=2,
            ray_address=cluster.address,
        )
        driver = Driver(night, night_folder)
        driver.until(lambda: night.state().n_done >= 2)
        cluster.drain_second(deadline_s)
        time.sleep(deadline_s)
        assert driver.process.poll() is None, "it was over before the node was killed"
        cluster.kill_second()
        assert driver.wait() == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    lost = losses(night.folder())
    assert not any(event.counts for event in lost), lost
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    tried(
        f"{n_films} films on 2 nodes, killed after {deadline_s:.0f} s",
        f"{len(lost)} steps lost, 0 failed",
    )

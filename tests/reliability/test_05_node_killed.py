"""Try 5: a node is killed when half of the rows are done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in
from two_nodes import TwoNodes
from witness import WitnessModel, looks

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_CORES = 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("no_ray")
def test_a_node_killed_at_half_fails_no_row_and_costs_what_was_in_hand_there(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films = 400 if full else 12
    seen = night_folder / "seen"
    seen.mkdir()
    with TwoNodes(night_folder, N_CORES) as cluster:
        night = Night(
            str(night_folder / "out"),
            rows_in(night_folder / "in", films(n_films)),
            model=WitnessModel(folder=seen, pause_s=0.1),
            workers=2 * N_CORES,
            ray_address=cluster.address,
        )
        driver = Driver(night, night_folder)
        driver.until(lambda: night.state().n_done >= n_films // 2)
        cluster.kill_second()
        assert driver.wait() == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    found = looks(seen)
    twice = {film for (film, _), n in found.items() if n > 1}
    assert max(found.values()) <= 2
    assert len(twice) <= N_CORES
    state = night.state()
    lost = state.n_lost.total()
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    tried(
        f"{n_films} films on 2 nodes",
        f"0 failed, {lost} steps lost, {len(twice)} films looked at again",
    )

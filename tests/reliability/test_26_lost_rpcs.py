"""Try 26: a quarter of the calls between Ray's own processes fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

#: The calls by which a driver has its workers do something.
PUSH = "CoreWorkerService.grpc_client.PushTask"
#: Half of them never arrive, half of them are done and their reply is lost.
LOSSES = {
    "num_failures": -1,
    "req_failure_prob": 12,
    "resp_failure_prob": 13,
    "in_flight_failure_prob": 0,
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("no_ray")
def test_a_quarter_of_rays_calls_lost_costs_nothing_but_time(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films, lossy = (20, "*") if full else (4, PUSH)
    night = Night(
        str(night_folder / "out"), rows_in(night_folder / "in", films(n_films)), workers=2
    )
    driver = Driver(night, night_folder, RAY_testing_rpc_failure=json.dumps({lossy: LOSSES}))
    assert driver.wait(550) == 0, driver.said()
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_films
    n_lost = night.state().n_lost.total()
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    assert n_lost
    which = "all" if full else "those that carry the work"
    tried(f"{n_films} films, of {which}", f"0 failed, {n_lost} steps done again")

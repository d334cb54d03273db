"""Forty clips, two nodes and an S3 server: a node is killed at a third, the driver at two thirds.

The same command goes on and does the rest; ``status`` is right at every moment.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from invariants import (
    assert_a_rerun_does_nothing,
    assert_invariants,
    assert_nothing_is_left,
    written,
)
from nights import Driver, Night, films, rows_in
from shell import Shell
from two_nodes import TwoNodes
from witness import WitnessModel, looks

from fearrefactor.core.ledger import RunState
from fearrefactor.storage.ledger import read_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.ledger import Event
    from fearrefactor.storage.s3 import S3Settings


class Follower:
    """Asks ``fearrefactor status`` again and again, and holds what it says against the ledger."""

    def __init__(self, night: Night) -> None:
        self._night = night
        self._address = f"{night.output}runs/{night.run_id}"
        self.told: list[dict[str, Any]] = []

    def ask(self) -> dict[str, Any]:
        """What it says now: the truth of some moment since it was asked, whoever drives."""
        n_known = len(self._events())
        said = self._say()
        events, state, truths = self._events(), RunState(), []
        for number, event in enumerate(events, start=1):
            state.add(event)
            if number >= n_known:
                in_flight = len(state.in_flight)
                truths.append((state.n_drivers, state.n_done, state.n_failed, in_flight))
        names = ("drivers", "rows_done", "rows_failed", "rows_in_flight")
        assert tuple(said[name] for name in names) in truths
        if self.told and said["drivers"] == 1:
            assert said["rows_done"] >= self.told[-1]["rows_done"]
        self.told.append(said)
        return said

    def until(self, driver: Driver, is_so: Callable[[dict[str, Any]], bool]) -> None:
        """Ask twice a second until it says so."""
        driver.until(lambda: self._night.state().n_drivers)
        end = time.monotonic() + 120
        while not is_so(self.ask()):
            assert driver.process.poll() is None, driver.said()
            assert time.monotonic() < end, driver.said()
            time.sleep(0.5)

    def _events(self) -> list[Event]:
        run = self._night.folder()
        return list(read_events(run.store, run.ledger_prefix))

    def _say(self) -> dict[str, Any]:
        said = Shell()("status", self._address, "--json")
        assert said.code == 0, said.err
        told: dict[str, Any] = json.loads(said.out)
        return told


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("no_ray")
def test_a_node_killed_at_a_third_and_the_driver_at_two_thirds_lose_nothing(
    night_folder: Path,
    s3_settings: S3Settings,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    tried: Trial,
    *,
    full: bool,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(s3_settings.endpoint_url))
    monkeypatch.setenv("AWS_REGION", str(s3_settings.region))
    n_clips = 40 if full else 24
    seen = night_folder / "seen"
    seen.mkdir()
    with TwoNodes(night_folder) as cluster:
        night = Night(
            f"s3://{s3_bucket}/tonight/",
            rows_in(night_folder / "in", films(n_clips)),
            model=WitnessModel(folder=seen, pause_s=0.1),
            workers=2,
            ray_address=cluster.address,
            s3=s3_settings,
        )
        follower = Follower(night)
        first = Driver(night, night_folder)
        follower.until(first, lambda told: told["rows_done"] >= n_clips // 3)
        cluster.kill_second()
        follower.until(first, lambda told: told["rows_done"] >= 2 * n_clips // 3)
        first.kill()
        first.wait()
        before = written(night)
        assert follower.ask()["phase"] == "running"  # it is not silent for long yet

        cluster.add()
        second = Driver(night, night_folder)
        follower.until(second, lambda told: told["phase"] == "finished")
        assert second.wait() == 0, second.said()
    assert follower.ask()["rows_done"] == n_clips
    reports = assert_invariants(night)
    assert [report.outcome for report in reports] == ["masked"] * n_clips
    after = written(night)
    assert {key: after.get(key) for key in before} == before
    found = looks(seen)
    assert max(found.values()) <= 2
    n_twice = len({film for (film, _), n in found.items() if n > 1})
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(replace(night, workers=None))
    tried(
        f"{n_clips} clips",
        f"{n_clips} done, {n_twice} looked at twice, none more often; status asked "
        f"{len(follower.told)} times",
    )

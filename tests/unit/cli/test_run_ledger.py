"""Runs that stop in the middle and go on, with rows that need neither model nor video."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fake_stages import CARD, Tally
from ledgers import ended

from fearrefactor.cli.environment import Environment
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.core.ledger import RunState
from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.shard import WHOLE, Shard
from fearrefactor.errors import InputError
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import read_events
from fearrefactor.storage.report_log import read_facts
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fearrefactor.core.report import RunReport, VideoReport
    from fearrefactor.pipeline.stages import RunContext

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))


class Night:
    """The run ``night`` over three rows that are done as soon as they are taken."""

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            folder / "models", S3Settings(), is_ray_job=False, n_cores=1
        )
        self.output = folder / "out"
        self.run = RunFolder(FolderStore(self.output), "", "night")

    def __call__(
        self, stops_before: int | None = None, policy: Policy = DOGS, shard: Shard = WHOLE
    ) -> RunReport:
        def videos(context: RunContext) -> Iterator[VideoReport]:
            for row in (1, 2, 3):
                if row == stops_before:
                    raise InputError("the manifest is cut off")
                if context.journal.taken(Row(row, f"film-{row}", f"{row}.mp4")) is None:
                    context.journal.ruled(policy.digest(), policy)
                yield ended(row).report
            context.journal.all_taken(3)

        settings = RunSettings(
            run_id="night",
            videos=videos,
            count=lambda: 3,
            policy=policy,
            detector=PastDetector(CARD, "fake"),
            job=JobSettings(str(self.output), "", S3Settings()),
            cluster=None,
            shard=shard,
        )
        return run(settings, self._environment, Tally(), lambda _: None)

    def state(self) -> RunState:
        state = RunState()
        for event in read_events(self.run.store, self.run.ledger_prefix):
            state.add(event)
        return state


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_run_that_stops_says_why_and_the_same_again_finishes_it(night: Night) -> None:
    with pytest.raises(InputError, match="cut off"):
        night(stops_before=3)
    state = night.state()
    assert (state.n_done, state.n_rows, state.is_exhausted) == (2, 3, False)
    assert state.stopped == "InputError: the manifest is cut off"
    assert not night.run.is_reported

    assert night().outcomes == {"masked": 3}
    state = night.state()
    assert (state.n_done, state.n_drivers, state.is_finished) == (3, 2, True)
    assert state.stopped is None
    assert json.loads((night.output / night.run.success_key).read_bytes())["rows"] == 3
    with pytest.raises(InputError, match="run night is already there; choose another --run-id"):
        night()


def test_a_run_that_went_on_tells_when_it_began_and_all_that_it_was_asked(night: Night) -> None:
    with pytest.raises(InputError, match="cut off"):
        night(stops_before=2)
    first = night.state()
    report = night()
    facts = read_facts(night.output / night.run.report_key)
    assert facts.began_at is not None
    assert facts.began_at.timestamp() == pytest.approx(first.first_s, abs=1e-3)
    assert facts.ended_at == report.ended_at
    assert facts.ended_at is not None
    assert facts.began_at < facts.ended_at
    assert (facts.run_id, facts.drivers, facts.lost_processes) == ("night", 2, 0)
    assert (facts.model, facts.model_sha256) == (CARD.name, CARD.sha256)
    assert facts.settings["detections"] == "of an earlier run, without a model"
    assert facts.policies == {DOGS.digest(): DOGS}


def test_a_run_does_not_go_on_with_another_policy(night: Night) -> None:
    with pytest.raises(InputError, match="cut off"):
        night(stops_before=3)
    with pytest.raises(InputError, match="was begun with another policy; choose another --run-id"):
        night(policy=DOGS.model_copy(update={"name": "more", "rules": ()}))
    assert night.state().n_drivers == 1


def test_a_run_does_not_go_on_as_another_shard(night: Night) -> None:
    with pytest.raises(InputError, match="cut off"):
        night(stops_before=3, shard=Shard(1, 4))
    for other in (Shard(2, 4), Shard(1, 2), WHOLE):
        with pytest.raises(
            InputError, match=rf"another shard \(1/4, not {other}\); choose another"
        ):
            night(shard=other)
    assert night.state().n_drivers == 1
    assert night(shard=Shard(1, 4)).outcomes == {"masked": 3}
    assert json.loads((night.output / night.run.success_key).read_bytes())["shard"] == "1/4"


def test_what_a_dead_driver_left_on_the_scratch_key_is_not_in_the_way(night: Night) -> None:
    night.run.store.create("scratch/preflight-night", b"first", {})
    assert night().outcomes == {"masked": 3}
    assert [found.key for found in night.run.store.list("scratch/")] == ["scratch/preflight-night"]

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import begun, ended, taken

from fearrefactor.core.ledger import Begun, Lost, Ruled, event_line, parse_event
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.presets import PRESETS
from fearrefactor.core.run_facts import RunFacts, RunHistory

if TYPE_CHECKING:
    from fearrefactor.core.ledger import Event

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))


def ruled(policy: Policy) -> Ruled:
    return Ruled(time_s=5.0, digest=policy.digest(), policy=policy)


@given(
    preset=st.sampled_from(sorted(PRESETS)),
    margin=st.sampled_from([None, 0.015, 0.2]),
    confidence=st.sampled_from([None, 0.25, 0.4]),
    kind=st.sampled_from([None, "fill", "blur"]),
)
def test_a_policy_comes_back_from_ledger_and_facts_as_it_was(
    preset: str, margin: float | None, confidence: float | None, kind: str | None
) -> None:
    said = {"margin": margin, "confidence": confidence, "effect": kind}
    rule = {name: value for name, value in said.items() if value is not None}
    policy = Policy.model_validate({"preset": preset, "rules": [{"classes": ["dog"], **rule}]})
    event = parse_event(event_line(ruled(policy)))
    assert isinstance(event, Ruled)
    assert (event.policy, event.policy.digest()) == (policy, event.digest)
    facts = RunFacts(run_id="r", policies={event.digest: event.policy})
    assert RunFacts.model_validate_json(facts.model_dump_json()) == facts


def test_facts_are_of_all_drivers_and_settings_those_of_the_last() -> None:
    history = RunHistory("night")
    cats = DOGS.model_copy(update={"name": "cats", "rules": (Rule(classes=("cat",)),)})
    events: list[Event] = [
        begun(time_s=10.0).model_copy(update={"settings": {"audit": "all"}, "shard": "2/3"}),
        ruled(DOGS),
        taken(1),
        Lost(time_s=11.0, row=1, reason="killed"),
        Lost(time_s=12.0, row=1, reason="its node was lost", counts=False),
        ended(1),
        begun(time_s=20.0).model_copy(update={"settings": {"audit": "none"}, "shard": "2/3"}),
        ruled(cats),
    ]
    for event in events:
        history.add(event)
    end = datetime(2026, 11, 22, tzinfo=UTC)
    assert history.facts(end) == RunFacts(
        run_id="night",
        began_at=datetime.fromtimestamp(10.0, UTC),
        ended_at=end,
        shard="2/3",
        model="toy",
        model_sha256="cd" * 32,
        policies={DOGS.digest(): DOGS, cats.digest(): cats},
        settings={"audit": "none"},
        drivers=2,
        lost_processes=2,
    )
    assert history.knows(cats.digest())
    assert not history.knows("ef" * 32)


def test_a_run_that_nobody_began_has_no_facts_but_its_name() -> None:
    assert RunHistory("night").facts(None) == RunFacts(run_id="night", drivers=0)


def test_a_ledger_of_an_earlier_version_has_no_settings() -> None:
    line = json.loads(event_line(begun()))
    assert "settings" not in line
    event = parse_event(json.dumps(line).encode())
    assert isinstance(event, Begun)
    assert event.settings == {}


def test_a_policy_that_is_none_is_no_event() -> None:
    line = event_line(ruled(DOGS)).replace(b'"dog"', b"7")
    with pytest.raises(ValueError, match="policy"):
        parse_event(line)

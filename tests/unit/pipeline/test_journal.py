from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages, Film, make_context

from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.ledger import Ended, RunState, Taken
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.run_facts import RunHistory
from fearrefactor.errors import InputError, PolicyError, WorkerLostError
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.journal import LedgerJournal
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_events
from fearrefactor.storage.manifest_file import RawRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fearrefactor.core.ledger import Event
    from fearrefactor.core.manifest import Row

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))


def policy_of(row: Row) -> Policy:
    if row.policy is not None:
        raise PolicyError("its store did not answer", code="store_error")
    return DOGS


def run(folder: Path, rows: list[dict[str, object]], films: Mapping[str, Film]) -> list[Event]:
    """The events of one driver."""
    store = FolderStore(folder)
    before = list(read_events(store, "ledger/"))
    frozen, history = FrozenRows(), RunHistory("night")
    for event in before:
        history.add(event)
        if isinstance(event, Taken):
            frozen.add(event)
        if isinstance(event, Ended):
            frozen.end(event.report)
    with LedgerWriter(store, "ledger/", new_driver(list_parts(store, "ledger/"))) as writer:
        journal = LedgerJournal(writer, frozen, history)
        context = replace(make_context(FakeStages(films)), journal=journal)
        raw = (RawRow(number, values) for number, values in enumerate(rows, 1))
        videos = requested(raw, policy_of, context)
        asyncio.run(run_videos(videos, context.progress, Hands(2), journal.ended))
    return list(read_events(store, "ledger/"))[len(before) :]


def told_of(events: list[Event], row: int) -> list[str]:
    """Kinds of the events about a row, in order."""

    def about(event: Event) -> int | None:
        return event.report.row if event.kind == "ended" else getattr(event, "row", None)

    return [event.kind for event in events if about(event) == row]


ROWS: list[dict[str, object]] = [
    {"uri": "good", "shift": "night"},
    {"uri": "deadly"},
    {"uri": "other", "policy": "s3://nobody/there.yaml"},
    {"id": "no uri"},
]


def test_each_step_of_a_row_stands_in_the_ledger_in_order(tmp_path: Path) -> None:
    deaths: list[Exception] = [WorkerLostError("killed\n") for _ in range(3)]
    events = run(tmp_path, ROWS, {"deadly": Film(faults={"detect": deaths})})
    assert told_of(events, 1) == ["taken", "named", "ended"]
    assert told_of(events, 2) == ["taken", "named", "lost", "lost", "lost", "ended"]
    assert told_of(events, 3) == ["taken", "ended"]
    assert told_of(events, 4) == ["ended"]
    state = RunState()
    for event in events:
        state.add(event)
    assert (state.n_rows, state.is_exhausted, state.in_flight) == (4, True, {})
    assert state.end_of(1) == ("clean", "")
    assert state.failed == {"poison": 1, "store_error": 1, "bad_row": 1}
    assert state.n_lost == {2: 3}


def test_a_row_that_killed_all_who_tried_it_is_not_tried_again_when_the_run_goes_on(
    tmp_path: Path,
) -> None:
    deaths: list[Exception] = [WorkerLostError("killed") for _ in range(3)]
    first = run(tmp_path, ROWS, {"deadly": Film(faults={"detect": deaths})})
    again = run(tmp_path, ROWS, {"deadly": Film()})
    assert told_of(again, 2) == ["taken", "ended"]
    assert told_of(again, 3) == ["taken", "ended"]
    reports = [
        [event.report for event in events if isinstance(event, Ended) and event.report.row == 2]
        for events in (first, again)
    ]
    assert reports[0] == reports[1]
    assert reports[0][0].code == "poison"


def test_a_run_that_goes_on_must_find_the_rows_that_it_began_with(tmp_path: Path) -> None:
    run(tmp_path, ROWS, {})
    assert "ended" in told_of(run(tmp_path, ROWS, {}), 4)
    with pytest.raises(InputError, match=r"row 1 .*'better'.* the manifest has changed"):
        run(tmp_path, [{"uri": "better"}, *ROWS], {})
    with pytest.raises(InputError, match="the manifest has 2 rows, and this run has taken row 3"):
        run(tmp_path, ROWS[:2], {})


def test_a_file_whose_name_is_no_text_fails_alone(tmp_path: Path) -> None:
    events = run(tmp_path, [{"uri": "/in/\udc80.mp4"}, {"uri": "good"}], {})
    state = RunState()
    for event in events:
        state.add(event)
    assert (state.end_of(1), state.end_of(2)) == (("failed", "bad_row"), ("clean", ""))

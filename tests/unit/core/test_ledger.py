from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.ledger import (
    Alive,
    AllTaken,
    Begun,
    Counted,
    Ended,
    Finished,
    Lost,
    Named,
    RunState,
    Stopped,
    Taken,
    event_line,
    parse_event,
)
from fearrefactor.core.report import VideoReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fearrefactor.core.ledger import Event

ENDS = st.sampled_from(
    [("masked", None), ("clean", None), ("review", "review"), ("failed", "poison"), ("failed", "x")]
)
TIME = st.floats(0, 3000).map(lambda time: round(time, 1))
ROW = st.integers(1, 6)


def begun(time_s: float = 0.0) -> Begun:
    told = {"run_id": "r", "versions": {}, "model": "m", "model_sha256": "1a", "policy_digest": "2"}
    return Begun(time_s=time_s, **told)  # type: ignore[arg-type]


def taken(row: int, time_s: float = 0.0) -> Taken:
    return Taken(time_s=time_s, row=row, id=f"film {row}", uri=f"s3://b/{row}", extra={"a": "ü\n"})


def ended(row: int, outcome: str = "masked", code: str | None = None, time_s: float = 0.0) -> Ended:
    told: dict[str, Any] = {"row": row, "id": f"film {row}", "uri": "u", "outcome": outcome}
    return Ended(time_s=time_s, report=VideoReport(**told, code=code))


EVENTS = st.one_of(
    st.builds(begun, TIME),
    st.builds(taken, ROW, TIME),
    st.builds(Named, time_s=TIME, row=ROW, row_key=st.just("k"), work_id=st.text(max_size=3)),
    st.builds(Lost, time_s=TIME, row=ROW, reason=st.just("killed")),
    st.builds(lambda row, end, time: ended(row, *end, time), ROW, ENDS, TIME),
    st.builds(Counted, time_s=TIME, n_rows=st.integers(0, 9)),
    st.builds(AllTaken, time_s=TIME, n_rows=st.integers(0, 9)),
    st.builds(Alive, time_s=TIME),
    st.builds(Stopped, time_s=TIME, reason=st.text(max_size=3)),
    st.builds(Finished, time_s=TIME, counts=st.just({"masked": 2})),
)


def fold(events: Iterable[Event]) -> RunState:
    state = RunState()
    for event in events:
        state.add(event)
    return state


def last_words(events: list[Event]) -> dict[int, Taken | Ended]:
    words: dict[int, Taken | Ended] = {}
    for event in events:
        if isinstance(event, Taken):
            words[event.row] = event
        elif isinstance(event, Ended):
            words[event.report.row] = event
    return words


def name_of(taken: Taken, events: list[Event]) -> Named | None:
    since = next(i for i, event in enumerate(events) if event is taken)
    names = [e for e in events[since:] if isinstance(e, Named) and e.row == taken.row]
    return names[-1] if names else None


@given(st.lists(EVENTS, max_size=40))
def test_the_fold_says_what_looking_at_all_events_again_says(events: list[Event]) -> None:
    events = [event.model_copy() for event in events]  # each is itself and no other
    state = fold(events)
    words = last_words(events)
    reports = [word.report for word in words.values() if isinstance(word, Ended)]
    done = [report for report in reports if report.outcome != "failed"]
    assert state.done == Counter(report.outcome for report in done)
    failed = [str(report.code) for report in reports if report.outcome == "failed"]
    assert state.failed == Counter(failed)
    assert (state.n_done, state.n_failed) == (len(done), len(failed))
    for row in range(1, 7):
        word = words.get(row)
        end = (word.report.outcome, word.report.code or "") if isinstance(word, Ended) else None
        assert state.end_of(row) == end
    held = {row: word for row, word in words.items() if isinstance(word, Taken)}
    assert {row: hand.taken for row, hand in state.in_flight.items()} == held
    for row, hand in state.in_flight.items():
        assert hand.named == name_of(held[row], events)
    assert state.n_lost == Counter(event.row for event in events if isinstance(event, Lost))
    assert state.is_exhausted == any(isinstance(event, AllTaken) for event in events)


@given(st.lists(EVENTS, max_size=40))
def test_the_rate_is_that_of_the_last_ten_minutes_of_the_last_driver(events: list[Event]) -> None:
    state = fold(events)
    starts = [i for i, event in enumerate(events) if isinstance(event, Begun)]
    last_s = max((event.time_s for event in events), default=None)
    assert state.last_s == last_s
    if not starts or last_s is None or last_s <= events[starts[-1]].time_s:
        assert state.rate_per_s is None
        return
    since = events[starts[-1] :]
    n_ended = sum(
        isinstance(event, Ended) and event.time_s // 10 > last_s // 10 - 60 for event in since
    )
    elapsed_s = min(600, last_s - since[0].time_s)
    assert state.rate_per_s == pytest.approx(n_ended / elapsed_s)


def test_the_time_left_is_known_once_the_rows_are_counted() -> None:
    events = [begun(0), *(ended(row, time_s=row) for row in range(1, 11))]
    assert fold(events).time_left_s is None
    assert fold([*events, Counted(time_s=10, n_rows=40)]).time_left_s == 30


def test_a_count_that_comes_late_does_not_contradict_the_rows_that_were_taken() -> None:
    state = fold([AllTaken(time_s=0, n_rows=3), Counted(time_s=1, n_rows=4)])
    assert state.n_rows == 3


@given(EVENTS)
def test_an_event_is_read_as_it_was_written_on_one_line(event: Event) -> None:
    line = event_line(event)
    assert line.index(b"\n") == len(line) - 1
    assert parse_event(line) == event
    assert parse_event(event.model_dump_json().encode()) == event  # of an earlier version


@pytest.mark.parametrize("line", [b"", b"{}", b'{"kind":"begun"', b'{"kind":"party","time_s":1}'])
def test_a_line_that_is_no_event_is_an_error_that_shows_it(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"at \("):
        parse_event(line)


def test_rows_that_have_ended_take_a_few_bytes_each() -> None:
    n_rows = 20_000
    tracemalloc.start()
    try:
        state = RunState()
        for row in range(1, n_rows + 1):
            state.add(taken(row))
            state.add(ended(row, time_s=row / 100))
        n_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.n_done == n_rows
    assert n_bytes < 5 * n_rows

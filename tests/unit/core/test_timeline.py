from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fearrefactor.core.timeline import Ratio, Span, seconds

times = st.integers(-(2**62), 2**62)


class Clock(BaseModel):
    base: Ratio


@given(start=times, length=st.integers(0, 1000), pts=times)
def test_a_span_holds_its_start_and_not_its_end(start: int, length: int, pts: int) -> None:
    span = Span(start, start + length)
    assert (start in span) == (length > 0)
    assert start + length not in span
    assert (pts in span) == (start <= pts < start + length)


def test_a_span_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match=r"\[5, 4\)"):
        Span(5, 4)


@given(spans=st.lists(st.tuples(times, st.integers(0, 9)), min_size=2))
def test_spans_are_ordered_by_where_they_start(spans: list[tuple[int, int]]) -> None:
    made = sorted(Span(start, start + length) for start, length in spans)
    assert [span.start_pts for span in made] == sorted(start for start, _ in spans)


@given(base=st.fractions(min_value=Fraction(1, 10**9), max_value=10**6))
def test_a_time_base_survives_json_exactly(base: Fraction) -> None:
    assert Clock.model_validate_json(Clock(base=base).model_dump_json()).base == base


def test_a_time_base_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(ValueError, match="base"):
        Clock.model_validate({"base": "one half"})


def test_seconds_are_computed_before_they_are_rounded() -> None:
    assert seconds(30030, Fraction(1001, 30000)) == 1002.001
    assert seconds(2**53 + 1, Fraction(1, 2**53 + 1)) == 1.0

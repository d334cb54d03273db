"""Try 12: S3 answers 503 SlowDown to a fifth of all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults import Busy, Rule
from nights import films

if TYPE_CHECKING:
    from reliability.conftest import Trial
    from s3_nights import Nights

pytestmark = pytest.mark.timeout(900)


def test_a_store_that_asks_to_slow_down_is_asked_again_and_not_more_than_twice(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    n_films = 20 if full else 3
    nights.upload(films(n_films))
    nights.next().run()
    n_usual = len(nights.proxy.calls)

    busy = Rule(Busy(), share=0.2)
    nights.proxy.set(busy)
    night = nights.next()
    report, _ = night.run()
    n_calls, n_refused = len(nights.proxy.calls), nights.proxy.done[busy]
    assert report.outcomes == {"masked": n_films}
    assert n_refused >= n_calls // 10
    assert n_calls <= 2 * n_usual
    nights.proxy.set()
    nights.assert_all_is_well(night)
    tried(
        f"{n_films} films, {n_refused} of {n_calls} calls refused",
        f"0 failed; {n_calls / n_usual:.2f} times the calls of a night without faults",
    )

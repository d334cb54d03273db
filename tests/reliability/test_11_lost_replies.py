"""Try 11: each write on S3 takes effect, and its reply is lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from faults import WRITES, Drop, Rule
from nights import films

if TYPE_CHECKING:
    from reliability.conftest import Trial
    from s3_nights import Nights

pytestmark = pytest.mark.timeout(900)
#: Where a night of one film writes, in the order of its first writes.
PLACES = (
    "/scratch/",
    "/ledger/",
    "/claims/",
    "/frames/",
    "/detections/",
    "/plans/",
    "/thumbnails/",
    "/videos/",
    "/night/videos.parquet",
    "/night/report/index.html",
    "/night/_SUCCESS",
)


def test_a_lost_reply_is_neither_a_failure_nor_a_second_result(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    nights.upload(films(1))
    nights.next().run()
    writes: Counter[tuple[str, str]] = Counter()
    for call in nights.proxy.calls:
        if call.operation in WRITES:
            [place] = [place for place in PLACES if place in call.key] or [call.key]
            writes[call.operation, place] += 1
    assert {place for _, place in writes} == set(PLACES)

    # How many parts a ledger has depends on the time that a run takes: the first two are sure.
    lost = [
        Rule(Drop(), (operation,), place, skip=number, most=1)
        for (operation, place), n in writes.items()
        for number in range(min(n, 2))
    ]
    assert len(lost) >= 11
    for rule in lost:
        nights.proxy.set(rule)
        night = nights.next()
        report, _ = night.run()
        assert nights.proxy.done[rule] == 1, rule
        assert report.outcomes == {"masked": 1}, rule
        nights.proxy.set()
        nights.assert_all_is_well(night, rerun=full or rule is lost[-1])
    tried(f"{len(lost)} nights of one film", "0 failed, 0 doubles")


def test_where_one_reply_in_three_to_a_write_is_lost_nothing_fails(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    n_films = 40 if full else 3
    nights.upload(films(n_films))
    lost = Rule(Drop(), WRITES, share=1 / 3)
    nights.proxy.set(lost)
    night = nights.next()
    report, _ = night.run()
    assert report.outcomes == {"masked": n_films}
    n_lost = nights.proxy.done[lost]
    assert n_lost >= 2
    nights.proxy.set()
    nights.assert_all_is_well(night)
    tried(f"{n_films} films", f"{n_lost} replies to writes lost at random")

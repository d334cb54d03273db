"""Try 13: for a while nobody reaches S3, from each of several moments on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from nights import films

if TYPE_CHECKING:
    from faults import Call
    from reliability.conftest import Trial
    from s3_nights import Nights

pytestmark = pytest.mark.timeout(900)
#: A source that is read, a log on its way, the commit point; and whether it has taken effect.
MOMENTS = (
    ("GetObject", "sources/", "before"),
    ("PutObject", "/detections/", "after"),
    ("PutObject", "/videos/", "after"),
    ("PutObject", "/videos/", "before"),
)


@pytest.mark.parametrize(("operation", "place", "moment"), MOMENTS)
def test_a_run_goes_on_by_itself_when_the_store_is_there_again(
    nights: Nights,
    tried: Trial,
    operation: str,
    place: str,
    moment: Literal["before", "after"],
    *,
    full: bool,
) -> None:
    seconds = 60 if full else 4
    n_films = 4 if full else 1
    nights.upload(films(n_films))
    fell: list[Call] = []

    def fall(call: Call, when: Literal["before", "after"]) -> None:
        if not fell and when == moment and call.operation == operation and place in call.key:
            fell.append(call)
            nights.proxy.dark(seconds)

    nights.proxy.on_request(fall)
    night = nights.next()
    report, _ = night.run()
    assert len(fell) == 1
    assert report.outcomes == {"masked": n_films}
    nights.assert_all_is_well(night, rerun=full)
    tried(f"{seconds} s, {len(MOMENTS)} moments", "0 failed")

"""Try 15: a source is overwritten while it is being worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from nights import films

if TYPE_CHECKING:
    from faults import Call
    from reliability.conftest import Trial
    from s3_nights import Nights

pytestmark = pytest.mark.timeout(900)


def test_a_source_that_is_overwritten_at_whatever_request_is_never_mixed(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    old, new = films(2)
    nights.upload([old])
    _, [told] = nights.next().run()
    # Every reading of the source and the commit; at full size, every request there is.
    moments = [
        call.number
        for call in nights.proxy.calls
        if full or "sources/" in call.key or "/videos.parquet" in call.key
    ]
    assert len(moments) >= 5
    versions = {told.input_sha256: told.output_sha256}
    nights.put("sources/0.mp4", new)
    _, [told] = nights.next().run()
    versions[told.input_sha256] = told.output_sha256
    assert len(versions) == 2

    at: list[int] = []

    def overwrite(call: Call, when: Literal["before", "after"]) -> None:
        if when == "before" and [call.number] == at:
            nights.put("sources/0.mp4", new)

    nights.proxy.on_request(overwrite)
    outcomes: list[str] = []
    for number in moments:
        nights.put("sources/0.mp4", old)
        nights.proxy.set()
        at[:] = [number]
        night = nights.next()
        _, [told] = night.run()
        assert len(nights.proxy.calls) >= number
        outcomes.append(told.code or told.outcome)
        if told.outcome == "failed":
            assert told.code == "source_changed", told
            assert [key for key in nights.keys(night.prefix) if "/videos/" in key] == []
        else:
            assert versions[told.input_sha256] == told.output_sha256
    assert {"source_changed", "masked"} == set(outcomes)
    n_changed = outcomes.count("source_changed")
    tried(
        f"overwritten at each of {len(outcomes)} requests",
        f"{n_changed} failed as source_changed, {len(outcomes) - n_changed} masked one version",
    )

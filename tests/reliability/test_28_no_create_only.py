"""Try 28: a store that takes every write, whatever condition comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from faults import Forget, Rule
from nights import films

from fearrefactor.errors import StoreError

if TYPE_CHECKING:
    from reliability.conftest import Trial
    from s3_nights import Nights


def test_a_store_without_create_only_writes_is_refused_before_any_work(
    nights: Nights, tried: Trial
) -> None:
    nights.upload(films(1))
    before = sorted(nights.keys())
    server = nights.server
    forgotten = Rule(Forget("If-None-Match", server.access_key, server.secret_key))
    nights.proxy.set(forgotten)
    with pytest.raises(StoreError, match="does not honour create-only writes"):
        nights.next().run()
    assert nights.proxy.done[forgotten] >= 2
    assert nights.proxy.n_calls["PutObject"] == 2
    assert nights.proxy.n_calls["GetObject"] == 0
    assert sorted(nights.keys()) == before
    tried("1 night", "refused at its second write; 0 objects left")

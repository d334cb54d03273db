from __future__ import annotations

import pytest
import ray

from fearrefactor.cluster.scheduler import connect, disconnect
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.errors import InputError

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("no_ray")]
NOBODY = "127.0.0.1:1"


def test_a_ray_of_our_own_is_started_whatever_other_one_is_known_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", NOBODY)
    connect(ClusterSettings(workers=1))
    try:
        assert ray.cluster_resources()["CPU"] == 1
    finally:
        disconnect()
    assert not ray.is_initialized()


def test_an_address_where_no_cluster_is_names_it_and_says_what_to_do() -> None:
    with pytest.raises(InputError, match=f"no Ray cluster at {NOBODY}: .*'ray start --head'"):
        connect(ClusterSettings(address=NOBODY))
    assert not ray.is_initialized()

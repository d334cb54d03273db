from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core.forecast import (
    BOUNDS,
    MEASURED,
    Cluster,
    Costs,
    Demand,
    Film,
    demand,
    drivers_needed,
    forecast,
)

MINUTE = Film(n_frames=1800, megapixels=0.9216, n_segments=7, size_bytes=15e6)
NIGHT = demand(MINUTE, MEASURED, 0.2).times(1_000_000)
ON_GPU = replace(MEASURED, model_s=0.002, on_gpu=True)

FILMS = st.builds(
    Film,
    n_frames=st.integers(1, 10**6),
    megapixels=st.floats(0.01, 35),
    n_segments=st.integers(1, 4000),
    size_bytes=st.integers(1, 1 << 36),
)
SHARES = st.floats(0, 1)
COSTS = st.sampled_from([MEASURED, ON_GPU])
CLUSTERS = st.builds(
    Cluster,
    n_nodes=st.integers(1, 1000),
    cores=st.integers(1, 128),
    gpus=st.integers(1, 8),
    n_drivers=st.integers(1, 50),
)


@settings(max_examples=40)
@given(FILMS, COSTS, SHARES, CLUSTERS, st.integers(1, 1000))
def test_more_machines_never_make_it_slower(
    film: Film, costs: Costs, share: float, cluster: Cluster, more: int
) -> None:
    wanted = demand(film, costs, share)
    before = forecast(wanted, cluster).wall_s
    for larger in (
        replace(cluster, n_nodes=cluster.n_nodes + more),
        replace(cluster, cores=cluster.cores + more),
        replace(cluster, gpus=cluster.gpus + more),
        replace(cluster, n_drivers=cluster.n_drivers + more),
    ):
        assert forecast(wanted, larger).wall_s <= before


@settings(max_examples=40)
@given(FILMS, COSTS, SHARES, SHARES, CLUSTERS)
def test_the_more_is_masked_the_longer_it_takes(
    film: Film, costs: Costs, one: float, other: float, cluster: Cluster
) -> None:
    less, more = (
        forecast(demand(film, costs, share), cluster).wall_s for share in sorted((one, other))
    )
    assert less <= more * (1 + 1e-9)


@settings(max_examples=40)
@given(st.lists(st.tuples(FILMS, SHARES), min_size=1, max_size=5), COSTS, CLUSTERS)
def test_what_videos_demand_adds_up(
    films: list[tuple[Film, float]], costs: Costs, cluster: Cluster
) -> None:
    parts = [demand(film, costs, share) for film, share in films]
    whole = sum(parts, Demand())
    assert whole.core_s == pytest.approx(sum(whole.steps.values()))
    assert whole.core_s == pytest.approx(sum(part.core_s for part in parts))
    assert whole.driver_s == pytest.approx(sum(part.driver_s for part in parts))
    assert whole.longest_s == max(part.longest_s for part in parts)
    apart = [forecast(part, cluster).wall_s for part in parts]
    assert max(apart) <= forecast(whole, cluster).wall_s * (1 + 1e-9)
    assert forecast(whole, cluster).wall_s <= sum(apart) * (1 + 1e-9)


@settings(max_examples=40)
@given(FILMS, COSTS, SHARES, CLUSTERS)
def test_what_bounds_is_what_takes_longest(
    film: Film, costs: Costs, share: float, cluster: Cluster
) -> None:
    told = forecast(demand(film, costs, share), cluster)
    assert tuple(told.busy_s) == BOUNDS
    assert told.wall_s == told.busy_s[told.bound] == max(told.busy_s.values())
    assert math.isclose(told.node_hours, told.wall_s * cluster.n_nodes / 3600)
    assert math.isclose(told.cost(2.5), 2.5 * told.node_hours)


@pytest.mark.parametrize(
    ("costs", "cluster", "bound"),
    [
        (MEASURED, Cluster(), "cores"),
        (ON_GPU, Cluster(gpus=1, cores=128), "GPUs"),
        (MEASURED, Cluster(n_nodes=10_000), "driver"),
        (ON_GPU, Cluster(n_nodes=100_000, gpus=1, n_drivers=1000), "store reads"),
        (ON_GPU, Cluster(n_nodes=100_000, gpus=1, n_drivers=1000, writes_per_s=1), "store writes"),
        (MEASURED, Cluster(network_bytes_per_s=1000), "network"),
    ],
)
def test_a_night_is_bounded_by(costs: Costs, cluster: Cluster, bound: str) -> None:
    night = demand(MINUTE, costs, 0.2).times(1_000_000)
    assert forecast(night, cluster).bound == bound


def test_one_video_takes_as_long_as_its_longest_segment_whatever_is_there() -> None:
    one = demand(MINUTE, MEASURED, 1.0)
    told = forecast(one, Cluster(n_nodes=1000))
    assert told.bound == "longest video"
    assert one.core_s / 7 < told.wall_s < one.core_s / 2


def test_as_many_drivers_as_are_needed_no_longer_bound() -> None:
    cluster = Cluster(n_nodes=10_000)
    needed = drivers_needed(NIGHT, cluster)
    assert needed > 1
    told = forecast(NIGHT, replace(cluster, n_drivers=needed))
    assert told.busy_s["driver"] <= 0.7 * told.wall_s
    assert drivers_needed(NIGHT, Cluster()) == 1


def test_a_model_on_gpus_needs_some() -> None:
    with pytest.raises(ValueError, match="this cluster has none"):
        forecast(demand(MINUTE, ON_GPU, 0.0), Cluster())


@pytest.mark.parametrize("wrong", [{"n_nodes": 0}, {"cores": 0}, {"n_drivers": 0}, {"gpus": -1}])
def test_a_cluster_without_machines_is_none(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected a node with a core"):
        Cluster(**wrong)

"""Try 27: night after night in one driver; nothing grows, and the last is as fast as the first."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from growth import MIB, Growth
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Night, films, rows_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Trial


def minutes(*, full: bool) -> float:
    """How long to go on; at small size until there are three nights."""
    return float(os.environ.get("RELIABILITY_SOAK_MINUTES", "60")) if full else 0.0


def nights(night: Night, length_s: float) -> Iterator[Night]:
    """At least three."""
    end = time.monotonic() + length_s
    number = 0
    while number < 3 or time.monotonic() < end:
        number += 1
        yield replace(night, output=f"{night.output}{number}/")


@pytest.mark.timeout(3 * 3600)
@pytest.mark.usefixtures("local_ray")
def test_night_after_night_nothing_grows_and_nothing_slows_down(
    night_folder: Path, *, full: bool, tried: Trial
) -> None:
    n_films = 300 if full else 8
    rows = rows_in(night_folder / "films", films(n_films, n_frames=12))
    first = Night(f"{night_folder}/out/", rows, workers=2)
    growth = Growth()
    rates: list[float] = []
    n_done = 0
    for night in nights(first, 60 * minutes(full=full)):
        begun = time.monotonic()
        report = night.drive(lambda _: None)
        rates.append(n_films / (time.monotonic() - begun))
        assert report.outcomes["masked"] == n_films
        assert_nothing_is_left(night)
        n_done += n_films
        if len(rates) == 1 or len(rates) % 10 == 0:
            assert_invariants(night)
            assert_a_rerun_does_nothing(replace(night, workers=None))
        growth.look(n_done)
        shutil.rmtree(night.output)

    driver = growth.per_thousand(growth.driver_bytes) / MIB
    quarters = [sum(part) / len(part) for part in _quarters(rates)]
    change = quarters[3] / quarters[1] - 1
    if full:
        assert driver < 0.5, growth.driver_bytes
        assert abs(change) < 0.05, quarters
    assert growth.since_half(growth.driver_bytes) < 16 * MIB, growth.driver_bytes
    assert growth.since_half(growth.driver_files) < 5, growth.driver_files
    assert growth.since_half(growth.n_processes) < 5, growth.n_processes
    tried(
        f"{len(rates)} nights of {n_films} films",
        f"driver {driver:+.2f} MiB for 1,000 films, {growth.since_half(growth.driver_files):+} "
        f"files; throughput {change:+.1%} from the second quarter to the last",
    )


def _quarters(rates: list[float]) -> list[list[float]]:
    """Four parts of about one length, none empty."""
    edges = [round(part * len(rates) / 4) for part in range(5)]
    return [rates[low : max(high, low + 1)] for low, high in itertools.pairwise(edges)]

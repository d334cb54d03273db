"""Try 17: three rows in ten say what an earlier one says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Night, films, rows_in
from tallied import TalliedModel

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_FRAMES = 12


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [None, 2], ids=["one process", "two workers"])
def test_rows_that_are_repeated_are_done_once_and_reported_each_time(
    workers: int | None, night_folder: Path, tried: Trial, *, full: bool
) -> None:
    if workers and not full:
        pytest.skip("two workers: at full size only")
    n_films = 140 if full else 14
    rows = rows_in(night_folder / "films", films(n_films, n_frames=N_FRAMES))
    shuffled = random.Random(17)
    manifest = [*rows, *shuffled.choices(rows, k=3 * n_films // 7)]
    shuffled.shuffle(manifest)
    model = TalliedModel(file=night_folder / "tally")
    night = Night(str(night_folder / "out"), manifest, model=model, workers=workers)
    report, _ = night.run()
    assert int(report.exit_code) == 0

    reports = assert_invariants(night)
    assert {told.outcome for told in reports} == {"masked"}
    made = [told for told in reports if not told.reused]
    assert sorted(told.id for told in made) == sorted(str(row["id"]) for row in rows)
    assert model.n_frames().total() == sum(told.n_model_frames for told in reports)
    assert model.n_frames().total() == sum(told.n_model_frames for told in made)
    by_id = {told.id: told.output_sha256 for told in made}
    assert all(told.output_sha256 == by_id[told.id] for told in reports)
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    by_whom = "one process" if workers is None else f"{workers} workers"
    tried(f"{n_films} films in {len(manifest)} rows", f"{by_whom}: {len(made)} done, 0 failed")

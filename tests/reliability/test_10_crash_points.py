"""Try 10: the driver dies at each point of the protocol, and the same command is started again."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Literal

import pytest
from crashes import Crash, run_and_crash
from invariants import (
    assert_a_rerun_does_nothing,
    assert_invariants,
    assert_nothing_is_left,
    written,
)
from nights import Night, films, rows_in
from tallied import TalliedModel

from fearrefactor.errors import InputError
from fearrefactor.storage.sweep import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_FRAMES = 12
#: Where a run writes, and how often at least; what is claimed or proved is removed again.
ONCE = {
    "scratch/preflight": 3,
    "runs/night/ledger": 2,
    "runs/night/videos.parquet": 1,
    "runs/night/_SUCCESS": 1,
}
FOR_EACH_FILM = {
    "claims/film": 2,
    "detections/film": 1,
    "frames/film": 1,
    "plans/film": 1,
    "thumbnails/film": 1,
    "videos/film": 1,
}


@pytest.mark.timeout(1200)
def test_wherever_the_driver_dies_the_same_command_does_the_rest(
    night_folder: Path, tried: Trial, *, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = night_folder / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    crashes: tuple[Literal["before", "amid", "after"], ...] = ("amid",)
    n_films = 1
    if full:
        crashes, n_films = ("before", "amid", "after"), 2
    rows = rows_in(night_folder / "films", films(n_films, n_frames=N_FRAMES))
    _, reports = Night(str(night_folder / "undisturbed"), rows).run()
    n_model_frames = sum(told.n_model_frames for told in reports)
    died_at: Counter[str] = Counter()
    for when, in_ledger in itertools.product(crashes, (False, True)):
        for n in itertools.count(1):
            output = night_folder / f"{when}-{in_ledger}-{n}"
            model = TalliedModel(file=output.with_suffix(".tally"))
            night = Night(str(output), rows, model=model)
            key = run_and_crash(night, Crash(n, in_ledger, when), scratch)
            if key is None:
                break
            died_at[place(key)] += 1
            assert_it_converges(night, scratch, n_model_frames)
    least = ONCE | {name: n * n_films for name, n in FOR_EACH_FILM.items()}
    assert set(died_at) == set(least)
    assert [name for name, n in least.items() if died_at[name] < n * len(crashes)] == []
    size = "film" if n_films == 1 else f"{n_films} films"
    tried(f"{size}; {died_at.total()} crashes ({', '.join(crashes)} a write)", "each: 0 failed")


def assert_it_converges(night: Night, scratch: Path, n_model_frames: int) -> None:
    before = written(night)
    if night.folder().is_successful:  # nothing is left to be done
        with pytest.raises(InputError, match="is already there"):
            night.run()
    else:
        report, _ = night.run()
        assert int(report.exit_code) == 0
        assert report.outcomes == {"masked": len(night.rows)}
        assert {told.audit for told in night.reports()} == {"sampled"}  # not forgotten on the way
    assert_invariants(night)
    after = written(night)
    assert {key: after.get(key) for key in before} == before
    assert night.folder().is_successful
    assert isinstance(night.model, TalliedModel)
    assert night.model.n_frames().total() <= 2 * n_model_frames
    list(sweep(night.store(), night.prefix, time.time() + 1))
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    assert list(scratch.rglob("fearrefactor-*/*")) == []


def place(key: str) -> str:
    """Where a key is, without what is different each time."""
    return re.sub(r"(ledger)/.*|-(night|\d).*", r"\1", key)

"""Try 16: the same manifest in two jobs at once, and the same run by two drivers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in
from tallied import TalliedModel

from fearrefactor.core.report import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_FRAMES = 12


def make_night(folder: Path, *, full: bool, workers: int | None = None) -> Night:
    """A night in which two drivers are at work before either has done anything."""
    rows = rows_in(folder / "films", films(200 if full else 24, n_frames=N_FRAMES))
    model = TalliedModel(file=folder / "tally", n_together=2)
    return Night(str(folder / "out"), rows, model=model, workers=workers)


def n_doubled_frames(night: Night) -> int:
    """How many frames more the model was asked about than one driver would ask, audit included."""
    assert isinstance(night.model, TalliedModel)
    alone = Night(f"{night.output}-alone", night.rows[:1])
    _, [report] = alone.run()
    assert report.n_model_frames > N_FRAMES
    return night.model.n_frames().total() - len(night.rows) * report.n_model_frames


def test_two_jobs_do_each_video_once_and_both_do_some(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    night = make_night(night_folder, full=full)
    nights = [night, night.again("day")]
    drivers = [Driver(one, night_folder) for one in nights]
    assert [driver.wait() for driver in drivers] == [0, 0], [driver.said() for driver in drivers]

    done = []
    for one in nights:
        reports = assert_invariants(one)
        assert {told.outcome for told in reports} == {"masked"}
        done.append({told.row for told in reports if not told.reused})
    assert done[0] | done[1] == set(range(1, len(night.rows) + 1))
    assert done[0] & done[1] == set()
    assert min(map(len, done)) >= len(night.rows) / 8
    assert n_doubled_frames(night) == 0
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(night)
    shares = " and ".join(map(str, map(len, done)))
    tried(f"{len(night.rows)} films, 2 drivers", f"two runs: they did {shares}, 0 doubled")


def test_two_drivers_of_one_run_publish_each_video_once_and_one_of_them_reports(
    night_folder: Path, tried: Trial, *, full: bool
) -> None:
    night = make_night(night_folder, full=full)
    first = Driver(night, night_folder)
    first.until(lambda: night.state().begun)
    second = Driver(night, night_folder)
    ends = {driver.wait() for driver in (first, second)}
    assert ends == {ExitCode.ALL_DONE, ExitCode.NO_RUN}, (first.said(), second.said())

    reports = assert_invariants(night)
    assert {told.outcome for told in reports} == {"masked"}
    share = n_doubled_frames(night) / (len(night.rows) * N_FRAMES)
    # Until the second has seen the first one write, it takes it for dead.
    assert share <= (0.05 if full else 0.25)
    assert_nothing_is_left(night, night_folder)
    assert_a_rerun_does_nothing(night)
    tried(f"{len(night.rows)} films, 2 drivers", f"one run: {share:.0%} doubled")

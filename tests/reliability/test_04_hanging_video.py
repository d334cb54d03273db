"""Try 4: a video hangs whoever handles it."""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING, Any

import pytest
from deadly_models import SignalsChildren
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from lamp_clips import clip
from nights import Night, films, rows_in
from stub_model import SlowModel, TouchyModel

from fearrefactor.core.ledger import Ended, Lost, Named
from fearrefactor.core.settings import ChildSettings
from fearrefactor.media.budget import Budget
from fearrefactor.storage.ledger import read_events

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.ledger import Event

N_FILMS = 4
N_FRAMES = 24
#: A step has some seconds instead of some minutes.
PATIENCE = 0.012


def night_with_a_film_that_hangs(folder: Path, then: Any) -> Night:
    """Its last film has one frame with a blue lamp."""
    hanging = clip({"red": range(N_FRAMES), "blue": range(6, 7)}, N_FRAMES, seed=202, barred=True)
    rows = rows_in(folder / "in", [*films(N_FILMS), hanging])
    child = ChildSettings(patience=PATIENCE)
    model = TouchyModel(then=then)
    return Night(str(folder / "out"), rows, model=model, workers=2, job={"child": child})


def events_of(night: Night, row: int) -> list[Event]:
    """From the time at which its detection began."""
    run = night.folder()
    events = read_events(run.store, run.ledger_prefix)
    kinds = (Named, Lost)
    return [
        event
        for event in events
        if (isinstance(event, kinds) and event.row == row)
        or (isinstance(event, Ended) and event.report.row == row)
    ]


def assert_the_others_are_done(night: Night) -> None:
    *others, _ = sorted(assert_invariants(night), key=lambda report: report.row)
    assert [report.outcome for report in others] == ["masked"] * N_FILMS
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("local_ray")
def test_a_media_process_that_hangs_is_killed_in_time_and_its_video_fails(
    night_folder: Path, tried: Trial
) -> None:
    night = night_with_a_film_that_hangs(night_folder, SignalsChildren(sign=signal.SIGSTOP))
    _, reports = night.run()
    last = next(report for report in reports if report.row == N_FILMS + 1)
    assert (last.outcome, last.code) == ("failed", "limit_time"), last.reason
    named, ended = events_of(night, last.row)
    budget_s = Budget(PATIENCE).decoding(1 << 20, 160 * 96 * N_FRAMES)
    took_s = ended.time_s - named.time_s
    assert took_s <= budget_s + 5
    assert_the_others_are_done(night)
    tried(
        f"{N_FILMS + 1} films",
        f"its media process stops: `limit_time` after {took_s:.1f} s of {budget_s:.1f} s",
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("local_ray")
def test_a_model_that_never_answers_is_killed_in_time_with_its_worker(
    night_folder: Path, tried: Trial
) -> None:
    night = night_with_a_film_that_hangs(night_folder, SlowModel(pause_s=3600))
    _, reports = night.run()
    last = next(report for report in reports if report.row == N_FILMS + 1)
    assert (last.outcome, last.code) == ("failed", "poison"), last.reason
    assert last.reason is not None
    _, *lost, ended = events_of(night, last.row)
    assert len(lost) == 3
    limit_s = float(last.reason.partition("within ")[2].partition(" s")[0])
    # The first attempt had to wait until others were done; the next ones begin at once.
    took_s = [after.time_s - before.time_s for before, after in itertools.pairwise(lost)]
    assert max(took_s) <= limit_s + 5
    assert ended.time_s - lost[-1].time_s < 1
    assert_the_others_are_done(night)
    tried(
        f"{N_FILMS + 1} films",
        f"its model sleeps: 3 attempts of up to {max(took_s):.1f} s of {limit_s:.1f} s, `poison`",
    )

"""Try 21: the driver's clock is wrong by an hour, and by another hour when it is started again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Night, films, rows_in
from stub_model import LampFinder

from fearrefactor.core.ledger import Begun
from fearrefactor.errors import StoppedError
from fearrefactor.storage.ledger import read_events

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from conftest import Trial
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances

N_FILMS, N_FRAMES, N_AUDITED = 6, 24, 3


@dataclass(frozen=True)
class InterruptedModel(LampFinder):
    """Ctrl-C comes when it has seen frames of three films."""

    n_seen: list[int] = field(default_factory=list)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``, if nobody interrupts."""
        self.n_seen.append(len(frames))
        if sum(self.n_seen) > 3 * (N_FRAMES + N_AUDITED):
            raise KeyboardInterrupt
        return super().segment(frames)


@pytest.mark.parametrize(("first_h", "second_h"), [(1, -1), (-1, 1)])
def test_a_run_whose_drivers_clocks_are_wrong_ends_as_any_other(
    first_h: int, second_h: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Trial
) -> None:
    rows = rows_in(tmp_path / "films", films(N_FILMS))
    night = Night(str(tmp_path / "out"), rows)
    true_time = time.time

    monkeypatch.setattr(time, "time", lambda: true_time() + 3600 * first_h)
    with pytest.raises(StoppedError):
        replace(night, model=InterruptedModel()).run()
    state = night.state()
    assert (state.n_done, state.stopped) == (3, "Ctrl-C")

    monkeypatch.setattr(time, "time", lambda: true_time() + 3600 * second_h)
    report, _ = night.run()
    assert report.outcomes == {"masked": N_FILMS}
    assert report.n_reused == 3
    events = read_events(night.store(), night.folder().ledger_prefix)
    begun = [event.time_s for event in events if isinstance(event, Begun)]
    assert abs(begun[1] - begun[0] - 3600 * (second_h - first_h)) < 60  # they were wrong indeed
    assert (night.state().n_done, night.state().is_finished) == (N_FILMS, True)
    assert_invariants(night)
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    tried(f"{N_FILMS} films, 2 drivers", "the same outcome with clocks two hours apart")

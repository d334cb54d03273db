"""Try 2: one video among many crashes whoever handles it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from deadly_models import SignalsChildren, SignalsItself
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from lamp_clips import clip
from ledgers import losses
from nights import Night, films, rows_in
from stub_model import TouchyModel

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.vision.segmenter import Segmenter

N_FRAMES = 24
CRASHES = {
    "the media process": SignalsChildren(sign=signal.SIGSEGV),
    "the worker": SignalsItself(sign=signal.SIGSEGV),
}


def rows_with_one(folder: Path, n_films: int) -> list[dict[str, object]]:
    """Films of which the one in the middle has a blue lamp."""
    red, blue = range(N_FRAMES), range(15, 16)
    deadly = clip({"red": red, "blue": blue}, N_FRAMES, seed=200, barred=True)
    rows = rows_in(folder / "in", films(n_films - 1, n_frames=N_FRAMES))
    (folder / "in" / "deadly.mp4").write_bytes(deadly)
    rows.insert(n_films // 2, {"id": "deadly", "uri": str(folder / "in" / "deadly.mp4")})
    return rows


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("dies", list(CRASHES))
def test_a_video_that_crashes_its_process_each_time_fails_alone_after_three_attempts(
    dies: str, night_folder: Path, tried: Trial, *, full: bool
) -> None:
    n_films = 1000 if full else 8
    rows = rows_with_one(night_folder, n_films)
    model: Segmenter = TouchyModel(then=CRASHES[dies])
    night = Night(str(night_folder / "out"), rows, model=model, workers=2)
    night.run()
    reports = {report.id: report for report in assert_invariants(night)}
    deadly = reports.pop("deadly")
    assert (deadly.outcome, deadly.code) == ("failed", "poison")
    assert "3 processes that handled it died" in str(deadly.reason)
    assert [report.outcome for report in reports.values()] == ["masked"] * (n_films - 1)
    assert [(lost.row, lost.counts) for lost in losses(night.folder())] == [(deadly.row, True)] * 3
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    tried(f"{n_films} films", f"SIGSEGV of {dies}: 3 attempts, {n_films - 1} done, 1 `poison`")

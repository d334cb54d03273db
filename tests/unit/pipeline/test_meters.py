"""What whoever watches a run is told, step by step."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages, Film, make_context
from values import frame_by_frame

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy
from fearrefactor.errors import BlindModelError, MediaError, NodeLostError, WorkerLostError
from fearrefactor.pipeline.meters import NoMeters
from fearrefactor.pipeline.video import VideoRun

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.meters import Cause

DOGS = Policy(name="dogs", rules=(frame_by_frame("dog"),))


class Counting(NoMeters):
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.n_in_hand = self.most_in_hand = 0
        self.seconds: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.losses: list[tuple[Cause, bool]] = []

    def in_hand(self, change: int) -> None:
        """Added."""
        self.n_in_hand += change
        self.most_in_hand = max(self.most_in_hand, self.n_in_hand)

    def took(self, stage: str, seconds: float) -> None:
        """Added."""
        self.seconds[stage] += seconds  # type: ignore[assignment]

    def did_frames(self, stage: str, n_frames: int) -> None:
        """Added."""
        self.frames[stage] += n_frames

    def lost(self, cause: Cause, *, counts: bool) -> None:
        """Kept."""
        self.losses.append((cause, counts))


def watched(film: Film) -> tuple[VideoReport, Counting]:
    meters = Counting()
    context = replace(make_context(FakeStages({"film": film})), meters=meters)
    return asyncio.run(VideoRun(Row(7, "film", "film"), DOGS, context).run()), meters


def test_frames_and_seconds_of_each_stage_are_those_of_the_report() -> None:
    report, meters = watched(Film(dogs=frozenset({3, 4, 20})))
    assert report.outcome == "masked"
    assert meters.frames == {
        "detect": report.n_frames,
        "render": report.n_rendered_frames,
        "audit": report.n_audited_frames,
    }
    told = {stage: seconds for stage, seconds in report.seconds.items() if seconds}
    counted = {stage: round(seconds, 3) for stage, seconds in meters.seconds.items()}
    assert {stage: seconds for stage, seconds in counted.items() if seconds} == told
    assert (meters.n_in_hand, meters.most_in_hand) == (0, 1)


@pytest.mark.parametrize("fault", [MediaError("half a frame"), RuntimeError("nobody foresaw this")])
def test_a_video_that_fails_is_no_longer_in_hand(fault: Exception) -> None:
    report, meters = watched(Film(faults={"detect": [fault]}))
    assert report.outcome == "failed"
    assert (meters.n_in_hand, meters.most_in_hand) == (0, 1)


@pytest.mark.parametrize(
    ("fault", "loss"),
    [
        (WorkerLostError("it died"), ("worker", True)),
        (NodeLostError("its machine went"), ("node", False)),
        (BlindModelError("it sees nothing"), ("model", False)),
    ],
)
def test_each_loss_is_told_with_its_cause_and_whether_it_counts(
    fault: Exception, loss: tuple[Cause, bool]
) -> None:
    report, meters = watched(Film(faults={"detect": [fault]}))
    assert report.outcome == "clean"
    assert meters.losses == [loss]

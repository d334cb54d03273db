"""What is done again, how often, and what is told of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.manifest import Row
from fearrefactor.errors import (
    BlindModelError,
    FearRefactorError,
    NodeLostError,
    PacketsLostError,
    WorkerLostError,
)
from fearrefactor.pipeline.journal import NoJournal
from fearrefactor.pipeline.meters import NoMeters
from fearrefactor.pipeline.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Sequence


class Losses(NoJournal):
    """Keeps what it is told was lost."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str, bool]] = []

    def lost(self, row: int, reason: str, *, counts: bool) -> None:
        """Kept."""
        self.told.append((row, reason, counts))


def tried(steps: Sequence[Sequence[Exception]]) -> tuple[int, FearRefactorError | None, Losses]:
    """Steps in a row, each of which meets its errors first; how many were done, and the end."""
    losses = Losses()
    retries = Retries(Row(7, "film", "film.mp4"), losses, NoMeters())

    async def do() -> tuple[int, FearRefactorError | None]:
        for number, errors in enumerate(steps):
            left = list(errors)

            async def step(left: list[Exception] = left) -> None:
                if left:
                    raise left.pop(0)

            try:
                await retries.surviving(step)
            except FearRefactorError as error:
                return number, error
        return len(steps), None

    return (*asyncio.run(do()), losses)


DEATH, BLIND, NODE = WorkerLostError("gone"), BlindModelError("blind"), NodeLostError("no node")


def test_three_deaths_in_one_step_are_poison() -> None:
    n_done, error, losses = tried([[DEATH, DEATH], [DEATH, NODE, DEATH, DEATH, DEATH]])
    assert (n_done, error and error.code) == (1, "poison")
    assert str(error) == "3 processes that handled it died; the last: gone"
    assert [counts for _, _, counts in losses.told] == [True, True, True, False, True, True]


def test_twelve_deaths_in_all_steps_of_a_video_are_poison() -> None:
    n_done, error, _ = tried([[DEATH, DEATH]] * 9)
    assert (n_done, error and error.code) == (5, "poison")
    assert str(error).startswith("12 processes that handled it died")


def test_nineteen_lost_nodes_are_no_matter_and_twenty_interrupt_the_video() -> None:
    assert tried([[NODE] * 10, [NODE] * 9])[:2] == (2, None)
    n_done, error, losses = tried([[NODE] * 10, [NODE] * 99])
    assert (n_done, error and error.code) == (1, "interrupted")
    assert losses.told == [(7, "no node", False)] * 20


def test_three_blind_models_over_one_step_fail_it_as_the_models_error() -> None:
    assert tried([[BLIND, BLIND], [BLIND, BLIND]])[:2] == (2, None)
    n_done, error, losses = tried([[BLIND, NODE, BLIND, BLIND, BLIND]])
    assert (n_done, error and error.code) == (0, "model_error")
    assert not any(counts for _, _, counts in losses.told)


@given(st.lists(st.lists(st.sampled_from([DEATH, BLIND, NODE])), max_size=30))
def test_whatever_is_lost_nothing_goes_on_for_ever_and_all_of_it_is_told(
    steps: list[list[Exception]],
) -> None:
    n_done, error, losses = tried(steps)
    n_deaths = sum(counts for _, _, counts in losses.told)
    assert n_deaths <= 12
    assert len(losses.told) - n_deaths <= 20
    assert (error is None) == (n_done == len(steps))
    if error is None:
        assert len(losses.told) == sum(map(len, steps))
        assert all(step.count(DEATH) < 3 and step.count(BLIND) < 3 for step in steps)


def test_lost_packets_are_told_and_bounded_like_lost_nodes() -> None:
    losses = Losses()
    retries = Retries(Row(7, "film", "film.mp4"), losses, NoMeters())
    for _ in range(19):
        retries.survive(PacketsLostError((0, 2)))
    with pytest.raises(NodeLostError, match=r"no fault of its own.*packets of 2 rendered segments"):
        retries.survive(PacketsLostError((0, 2)))
    assert {counts for _, _, counts in losses.told} == {False}

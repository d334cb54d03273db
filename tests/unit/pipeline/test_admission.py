from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_stages import FakeStages, Film, Tally, make_index
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.pipeline.admission import Admission, rendered_bytes
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

ROOM = 100
#: Bytes of a video, turns for which it stays, and after how many turns it gives up, if it does.
VIDEOS = st.lists(
    st.tuples(st.integers(0, 250), st.integers(0, 4), st.none() | st.integers(0, 6)), max_size=12
)


class Watch:
    """Videos that go through an admission, and what was seen on the way."""

    def __init__(self, room_bytes: int | None) -> None:
        self.admission = Admission(room_bytes)
        self.inside: dict[int, int] = {}
        self.order: list[int] = []
        self.fullest = self.crowd = 0

    async def go(self, number: int, n_bytes: int, n_turns: int) -> None:
        async with self.admission.admitted(n_bytes):
            self.inside[number] = n_bytes
            self.order.append(number)
            self.crowd = max(self.crowd, len(self.inside))
            weighty = [held for held in self.inside.values() if held]
            if len(weighty) > 1:
                self.fullest = max(self.fullest, sum(weighty))
            try:
                for _ in range(n_turns):
                    await asyncio.sleep(0)
            finally:
                del self.inside[number]


@given(VIDEOS)
def test_every_video_gets_in_in_its_turn_and_together_they_never_take_more_than_the_room(
    videos: list[tuple[int, int, int | None]],
) -> None:
    watch = Watch(ROOM)

    async def all_of_them() -> None:
        tasks = [
            asyncio.ensure_future(watch.go(number, n_bytes, n_turns))
            for number, (n_bytes, n_turns, _) in enumerate(videos)
        ]
        for turn in range(8):
            for task, (_, _, gives_up) in zip(tasks, videos, strict=True):
                if turn == gives_up:
                    task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        async with watch.admission.admitted(ROOM):  # nothing is held for ever
            assert watch.inside == {}

    asyncio.run(all_of_them())
    assert watch.fullest <= ROOM
    patient = [n for n, (n_bytes, _, gives_up) in enumerate(videos) if n_bytes and gives_up is None]
    assert [number for number in watch.order if number in patient] == patient
    assert {n for n, (_, _, gives_up) in enumerate(videos) if gives_up is None} <= {*watch.order}


def test_a_large_video_is_not_passed_over_by_small_ones() -> None:
    watch = Watch(ROOM)

    async def crowd() -> None:
        await asyncio.gather(watch.go(0, 60, 3), watch.go(1, 90, 1), watch.go(2, 10, 1))

    asyncio.run(crowd())
    assert watch.order == [0, 1, 2]
    assert watch.fullest == ROOM  # the last two fit together


def test_one_video_alone_is_let_in_however_large_it_is() -> None:
    watch = Watch(ROOM)
    asyncio.run(watch.go(0, 1000 * ROOM, 1))
    assert watch.order == [0]


@pytest.mark.parametrize(("room_bytes", "n_bytes"), [(None, 10**12), (1, 0)])
def test_nobody_waits_where_there_is_room_without_end_or_nothing_to_hold(
    room_bytes: int | None, n_bytes: int
) -> None:
    watch = Watch(room_bytes)

    async def crowd() -> None:
        await asyncio.gather(*(watch.go(number, n_bytes, 2) for number in range(5)))

    asyncio.run(crowd())
    assert watch.crowd == 5


def test_only_what_is_rendered_takes_room() -> None:
    index = make_index(24, 2)
    sizes = index.gops.n_bytes
    none, one = np.zeros(len(index.gops), np.bool_), np.arange(len(index.gops)) == 0
    assert rendered_bytes(index, none) == 0
    assert rendered_bytes(index, one) == 2 * int(sizes[0]) > 0
    assert rendered_bytes(index, ~none) == 2 * int(sizes.sum())


class CrowdedStages(FakeStages):
    """Counts of how many videos packets wait at once."""

    def __init__(self, films: dict[str, Film]) -> None:
        super().__init__(films)
        self.max_videos = 6
        self.waiting: set[str] = set()
        self.most_waiting = 0

    async def _step(self, name: str, uri: str) -> Film:
        if name == "render":
            self.waiting.add(uri)
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        film = await super()._step(name, uri)
        if name == "finish":
            self.waiting.discard(uri)
        return film


@pytest.mark.parametrize(("n_together", "n_most"), [(1, 1), (2, 2), (None, 6)])
def test_videos_are_rendered_only_as_the_packets_of_others_are_put_together(
    n_together: int | None, n_most: int
) -> None:
    each = rendered_bytes(make_index(), np.ones(len(make_index().gops), np.bool_))
    room = None if n_together is None else n_together * each
    names = [f"/films/{number}.mp4" for number in range(6)]
    stages = CrowdedStages({name: Film(dogs=frozenset(range(24)), n_pauses=3) for name in names})
    hands = Hands(stages.max_videos)
    context = RunContext(
        JobSettings("/nowhere", "", S3Settings()),
        stages,
        Tally(),
        {},
        hands=hands,
        admission=Admission(room),
    )
    policy = Policy(rules=(Rule(classes=("dog",)),))
    videos = [VideoRun(Row(n, name, name), policy, context) for n, name in enumerate(names, 1)]
    reports: list[VideoReport] = []
    asyncio.run(run_videos(videos, Tally(), hands, reports.append))
    assert {report.outcome for report in reports} == {"masked"}
    assert len(reports) == 6
    assert stages.most_waiting == n_most

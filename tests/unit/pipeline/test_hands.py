from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.pipeline.hands import Hands


async def pause(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


@given(
    n_places=st.integers(1, 3),
    walks=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), max_size=8),
)
def test_no_more_than_so_many_have_a_place_however_often_they_step_aside(
    n_places: int, walks: list[list[int]]
) -> None:
    hands = Hands(n_places)
    n_placed = most = n_ended = 0

    async def walk(steps: list[int]) -> None:
        nonlocal n_placed, most, n_ended
        async with hands.place():
            for n_pauses in steps:
                n_placed += 1
                most = max(most, n_placed)
                await pause(n_pauses)
                n_placed -= 1
                async with hands.aside():
                    await pause(n_pauses)
        n_ended += 1

    async def all_walks() -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(*map(walk, walks))

    asyncio.run(all_walks())
    assert n_ended == len(walks)
    assert most <= n_places


def test_one_that_is_aside_leaves_room_for_another_and_one_that_comes_back_does_not() -> None:
    async def room() -> list[bool]:
        hands, over = Hands(2), asyncio.Event()

        async def waiting() -> None:
            async with hands.place(), hands.aside():
                await over.wait()

        task = asyncio.create_task(waiting())
        found = [hands.has_room(2)]
        await pause(1)
        found += [hands.has_room(2), hands.is_aside(task)]
        over.set()
        await pause(1)
        return [*found, hands.has_room(2), hands.is_aside(task)]

    assert asyncio.run(room()) == [False, True, True, False, False]


def test_a_wait_that_ends_in_an_error_gives_no_place_back_twice() -> None:
    async def n_at_once() -> int:
        hands = Hands(1)
        with pytest.raises(OSError, match="dark"):
            async with hands.place(), hands.aside():
                raise OSError("dark")
        n_placed = most = 0

        async def other() -> None:
            nonlocal n_placed, most
            async with hands.place():
                n_placed += 1
                most = max(most, n_placed)
                await pause(2)
                n_placed -= 1

        await asyncio.gather(other(), other())
        return most

    assert asyncio.run(n_at_once()) == 1

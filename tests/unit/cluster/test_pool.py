from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest
import ray
from hands import Hand, LateHand, LostHand

from fearrefactor.cluster.pool import ActorPool
from fearrefactor.errors import (
    BlindModelError,
    FearRefactorError,
    MediaError,
    NodeLostError,
    WorkerLostError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("local_ray")]


def hand(kind: type[Hand] = Hand, *told: Any, slots: int = 1) -> Any:
    wanted = {"num_cpus": 0.5, "max_restarts": 0, "max_concurrency": slots}
    return ray.remote(kind).options(**wanted).remote(*told)


@contextlib.asynccontextmanager
async def started(
    create: Callable[[], Any], n_actors: int, slots: int = 1
) -> AsyncIterator[ActorPool]:
    pool = ActorPool(create, n_actors, slots)
    pool.start()
    try:
        yield pool
    finally:
        pool.stop()


def within(limit_s: float, what: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(what, limit_s))


def test_an_actor_is_given_as_many_calls_at_a_time_as_it_has_slots() -> None:
    async def most_at_once(slots: int) -> tuple[int, int]:
        async with started(lambda: hand(slots=4), 1, slots) as pool:
            calls = [pool.call(lambda actor: actor.how_busy.remote(0.05), 60) for _ in range(8)]
            answers = await asyncio.gather(*calls)
            return max(busy for _, busy in answers), pool.n_calls

    assert within(60, most_at_once(1)) == (1, 1)
    assert within(60, most_at_once(3)) == (3, 3)


def test_a_pool_tells_how_many_calls_are_under_way_and_how_many_wait() -> None:
    async def depths() -> list[tuple[int, int, int]]:
        def depth() -> tuple[int, int, int]:
            return pool.n_workers, pool.n_in_flight, pool.n_waiting

        async def asked(_: Any) -> None:
            found.append(depth())

        async with started(hand, 1) as pool:
            found = [depth()]
            await asyncio.gather(*(pool.call(asked, 60) for _ in range(3)))
            return [*found, depth()]

    assert within(60, depths()) == [(0, 0, 0), (1, 1, 2), (1, 1, 1), (1, 1, 0), (1, 0, 0)]


def test_calls_are_spread_over_all_actors() -> None:
    async def pids() -> set[int]:
        async with started(hand, 2) as pool:
            while True:  # until the second actor is there, too
                calls = [pool.call(lambda actor: actor.how_busy.remote(0.05), 60) for _ in range(4)]
                found = {pid for pid, _ in await asyncio.gather(*calls)}
                if len(found) == 2:
                    return found

    assert os.getpid() not in within(60, pids())


def test_an_error_of_the_step_comes_back_as_it_was_raised_and_the_actor_stays() -> None:
    async def steps() -> tuple[int, MediaError, int]:
        async with started(hand, 1) as pool:
            before = await pool.call(lambda actor: actor.pid.remote(), 60)
            with pytest.raises(MediaError) as caught:
                await pool.call(lambda actor: actor.fail.remote(), 60)
            return before, caught.value, await pool.call(lambda actor: actor.pid.remote(), 60)

    before, error, after = within(60, steps())
    assert (str(error), error.code) == ("half a file", "truncated")
    assert before == after


def test_an_error_that_is_not_ours_is_not_taken_for_a_lost_worker() -> None:
    async def divide() -> None:
        async with started(hand, 1) as pool:
            await pool.call(lambda actor: actor.divide.remote(), 60)

    with pytest.raises(ZeroDivisionError):
        within(60, divide())


def test_a_killed_actor_is_a_lost_worker_and_another_takes_its_place() -> None:
    async def steps() -> tuple[int, int]:
        async with started(hand, 1) as pool:
            before = await pool.call(lambda actor: actor.pid.remote(), 60)
            with pytest.raises(WorkerLostError, match="the worker was lost"):
                await pool.call(lambda actor: actor.die.remote(), 60)
            return before, await pool.call(lambda actor: actor.pid.remote(), 60)

    before, after = within(60, steps())
    assert before != after


def test_all_calls_on_an_actor_that_dies_are_lost_and_only_one_takes_its_place() -> None:
    n_made = 0

    def create() -> Any:
        nonlocal n_made
        n_made += 1
        return hand(slots=3)

    async def steps() -> list[object]:
        async with started(create, 1, 3) as pool:
            calls = [pool.call(lambda actor: actor.how_busy.remote(30), 60) for _ in range(2)]
            waiting = asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(0.5)
            with pytest.raises(WorkerLostError):
                await pool.call(lambda actor: actor.die.remote(), 60)
            lost = await waiting
            await pool.call(lambda actor: actor.pid.remote(), 60)
            return lost

    assert [type(error) for error in within(60, steps())] == [WorkerLostError] * 2
    assert n_made == 2


def test_actors_that_never_start_are_an_error_that_says_why() -> None:
    async def call() -> None:
        async with started(lambda: hand(Hand, "the model is broken"), 2) as pool:
            await pool.call(lambda actor: actor.pid.remote(), 60)

    with pytest.raises(FearRefactorError, match="the model is broken"):
        within(90, call())


def test_actors_that_fail_to_start_at_first_are_asked_for_again(tmp_path: Path) -> None:
    async def call() -> int:
        async with started(lambda: hand(LateHand, tmp_path, 2), 1) as pool:
            return int(await pool.call(lambda actor: actor.pid.remote(), 60))

    assert within(60, call()) > 0


def test_one_actor_that_works_carries_on_where_no_other_can_be_started() -> None:
    made: list[str | None] = []

    def create() -> Any:
        made.append(None if not made else "only one may live")
        return hand(Hand, made[-1])

    async def calls() -> set[int]:
        async with started(create, 2) as pool:
            found = {await pool.call(lambda actor: actor.pid.remote(), 60)}
            while starting := list(pool._tasks):  # until all others were given up
                await asyncio.wait(starting)
            for _ in range(3):
                found.add(await pool.call(lambda actor: actor.pid.remote(), 60))
            return found

    assert len(within(90, calls())) == 1
    assert 2 < len(made) < 12


def test_an_actor_that_does_not_answer_in_time_is_killed_and_replaced() -> None:
    async def steps() -> tuple[int, int]:
        async with started(hand, 1) as pool:
            before = await pool.call(lambda actor: actor.pid.remote(), 60)
            with pytest.raises(WorkerLostError, match=r"did not answer within 0\.5 s"):
                await pool.call(lambda actor: actor.how_busy.remote(300), 0.5)
            return before, await pool.call(lambda actor: actor.pid.remote(), 60)

    before, after = within(60, steps())
    assert before != after


def test_an_actor_whose_caller_went_away_is_given_to_nobody_until_it_is_done() -> None:
    async def steps() -> tuple[int, int]:
        async with started(hand, 1) as pool:
            before = await pool.call(lambda actor: actor.pid.remote(), 60)
            call = asyncio.ensure_future(pool.call(lambda actor: actor.how_busy.remote(1.5), 60))
            await asyncio.sleep(0.2)
            call.cancel()
            # The time that a call waits for an actor does not count.
            return before, await pool.call(lambda actor: actor.pid.remote(), 1)

    before, after = within(60, steps())
    assert before == after


def test_of_calls_that_wait_the_lowest_turn_is_first_and_then_the_one_that_came_first() -> None:
    order: list[str] = []

    async def steps() -> None:
        async with started(hand, 1) as pool:
            await pool.call(lambda actor: actor.pid.remote(), 60)

            async def call(name: str, turn: int) -> None:
                await pool.call(lambda actor: actor.how_busy.remote(0.05), 60, turn)
                order.append(name)

            told = (("first", 9), ("late", 8), ("early", 2), ("early too", 2), ("amid", 5))
            await asyncio.gather(*(call(*name_and_turn) for name_and_turn in told))

    within(60, steps())
    assert order == ["first", "early", "early too", "amid", "late"]


def test_a_blind_model_costs_its_actor() -> None:
    async def steps() -> tuple[int, int]:
        async with started(hand, 1) as pool:
            before = await pool.call(lambda actor: actor.pid.remote(), 60)
            with pytest.raises(BlindModelError, match="sees nothing"):
                await pool.call(lambda actor: actor.go_blind.remote(), 60)
            return before, await pool.call(lambda actor: actor.pid.remote(), 60)

    before, after = within(60, steps())
    assert before != after


def test_an_actor_on_a_node_that_nobody_knows_any_more_went_with_it() -> None:
    async def lost() -> None:
        async with started(lambda: hand(LostHand), 1) as pool:
            await pool.call(lambda actor: actor.die.remote(), 60)

    with pytest.raises(NodeLostError, match="its node is gone"):
        within(60, lost())


def test_free_actors_do_a_last_step_and_nobody_waits_long_for_it(tmp_path: Path) -> None:
    async def pid() -> int:
        async with started(hand, 1) as pool:
            found = await pool.call(lambda actor: actor.pid.remote(), 60)
            await pool.dismiss(lambda actor: actor.fail.remote(), 30)
            return int(found)

    async def last_step() -> int:
        async with started(hand, 1) as pool:
            found = await pool.call(lambda actor: actor.pid.remote(), 60)
            await pool.dismiss(lambda actor: actor.leave.remote(tmp_path), 2)
            return int(found)

    assert within(50, pid()) > 0  # one that fails is no error
    found = within(50, last_step())
    assert [path.name for path in tmp_path.iterdir()] == [str(found)]

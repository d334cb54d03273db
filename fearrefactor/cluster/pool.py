"""Actors that are handed out one call at a time, and replaced when they die or do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ray
from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from fearrefactor.cluster.nodes import in_thread, why_gone
from fearrefactor.errors import (
    BlindModelError,
    FearRefactorError,
    NodeLostError,
    WorkerLostError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: Of an actor that could not be reached.
_KNOCKS: Final = 3
_KNOCK_S: Final = 10.0
_T = TypeVar("_T")


class ActorPool:
    """``n_actors`` actors made by ``create``, each of which takes ``slots`` calls at a time.

    Actors need not be there yet: each is handed out from the moment it has loaded its model, so
    that a run starts with the first node of a cluster that still grows, and waits for another one
    when its nodes are lost. Use one in the event loop that it was started in.
    """

    def __init__(self, create: Callable[[], Any], n_actors: int, slots: int) -> None:
        self._create = create
        self._slots = slots
        self._n_actors = n_actors
        self._nodes: dict[Any, str] = {}  # by actor, of those that live
        self._free: deque[Any] = deque()
        self._waiting: list[tuple[int, int, asyncio.Future[Any]]] = []
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._n_starting = 0
        self._n_in_flight = 0
        self._failed_starts = 0  # in a row
        self._hopeless: FearRefactorError | None = None

    @property
    def n_calls(self) -> int:
        """How many calls can be under way at once."""
        return self._n_actors * self._slots

    @property
    def n_workers(self) -> int:
        """How many actors are up."""
        return len(self._nodes)

    @property
    def n_in_flight(self) -> int:
        """How many calls actors are at."""
        return self._n_in_flight

    @property
    def n_waiting(self) -> int:
        """How many calls wait for an actor."""
        return sum(not freed.done() for _, _, freed in self._waiting)

    def start(self) -> None:
        """Ask for all actors."""
        for _ in range(self._n_actors):
            self._start_one()

    async def call(
        self, step: Callable[[Any], Awaitable[_T]], within_s: float, turn: int = 0
    ) -> _T:
        """Do one step on the next free actor; of calls that wait, the lowest ``turn`` is first.

        An actor that takes longer than ``within_s`` is killed. A call that nobody waits for any
        more keeps its actor until it has ended.

        Raises:
            FearRefactorError: what the step raised there; also if no actor can be started.
            WorkerLostError: the actor died during the step; another one is being started.
            NodeLostError: its node was lost, and the actor with it, or the way to them.
        """
        actor = await self._next(turn)
        work = self._keep(self._do(actor, self._nodes[actor], step, within_s))
        return await asyncio.shield(work)

    async def dismiss(self, last: Callable[[Any], Awaitable[object]], within_s: float) -> None:
        """Have all actors that are free do one last step, if they can within so many seconds."""
        free = set(self._free) & self._nodes.keys()
        steps = [self._keep(_answer(last, actor)) for actor in free]
        if steps:
            await asyncio.wait(steps, timeout=within_s)
        self._free.clear()

    def stop(self) -> None:
        """End all actors, also those that are at work."""
        for task in self._tasks:
            task.cancel()
        for actor in self._nodes:
            ray.kill(actor)
        self._nodes.clear()

    async def _do(
        self, actor: Any, node_id: str, step: Callable[[Any], Awaitable[_T]], within_s: float
    ) -> _T:
        is_away = False
        self._n_in_flight += 1
        limit = asyncio.timeout(within_s)
        try:
            async with limit:
                return await step(actor)
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, BlindModelError):
                self._replace(actor)
            if isinstance(cause, FearRefactorError):
                raise cause from error
            raise
        except ActorUnavailableError as error:
            is_away = True
            self._keep(self._win_back(actor))
            raise NodeLostError(f"the worker cannot be reached: {_first_line(error)}") from error
        except RayError as error:  # no answer of the step's
            self._replace(actor)
            raise await _lost(node_id, error) from error
        except TimeoutError as error:
            if not limit.expired():
                raise
            self._replace(actor)
            raise WorkerLostError(
                f"the worker did not answer within {within_s:.1f} s and was killed "
                "(--patience allows more)"
            ) from error
        finally:
            self._n_in_flight -= 1
            if not is_away:
                self._give(actor)

    async def _win_back(self, actor: Any) -> None:
        """An actor to which the way was lost may be well: it is asked before it is replaced.

        It answers when it is through with what it may have been told.
        """
        for _ in range(_KNOCKS):
            with contextlib.suppress(RayError, TimeoutError):
                asked = _answer(lambda actor: actor.node_id.remote(), actor)
                await asyncio.wait_for(asked, _KNOCK_S)
                self._give(actor)
                return
        self._replace(actor)

    async def _next(self, turn: int) -> Any:
        """A free actor; an error that keeps every actor from starting is raised here."""
        while True:
            if self._hopeless is not None:
                raise self._hopeless
            actor = self._free.popleft() if self._free else await self._freed(turn)
            if actor in self._nodes:
                return actor

    async def _freed(self, turn: int) -> Any:
        freed = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (turn, next(self._order), freed))
        try:
            return await freed
        except asyncio.CancelledError:
            if freed.done() and not freed.cancelled():
                self._give(freed.result())
            raise

    def _give(self, actor: Any) -> None:
        """To whoever waits; an actor that is no more is given to nobody."""
        if actor not in self._nodes:
            return
        while self._waiting:
            _, _, freed = heapq.heappop(self._waiting)
            if not freed.done():
                freed.set_result(actor)
                return
        self._free.append(actor)

    def _replace(self, actor: Any) -> None:
        if self._nodes.pop(actor, None) is not None:
            self._keep(in_thread(lambda: ray.kill(actor)))  # both wait for the cluster's head
            self._start_one()

    def _start_one(self) -> None:
        self._n_starting += 1
        self._keep(self._ready())

    def _keep(self, work: Awaitable[_T]) -> asyncio.Future[_T]:
        """Whoever waits for a task may go away; it goes on, and nobody misses its error."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: Any) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _ready(self) -> None:
        try:
            actor = await in_thread(self._create)
            node_id = await actor.node_id.remote()
        except RayError as error:
            self._n_starting -= 1  # not by the set of tasks: two may end in one turn of the loop
            self._failed_starts += 1
            if self._failed_starts <= self._n_actors + 2:
                self._start_one()
            elif not self._nodes and not self._n_starting:  # this was the last hope
                self._give_up(_start_error(error))
            return
        self._n_starting -= 1
        self._failed_starts = 0
        self._nodes[actor] = node_id
        for _ in range(self._slots):
            self._give(actor)

    def _give_up(self, error: FearRefactorError) -> None:
        self._hopeless = error
        for _, _, freed in self._waiting:
            if not freed.done():
                freed.set_exception(error)
        self._waiting.clear()


async def _answer(step: Callable[[Any], Awaitable[_T]], actor: Any) -> _T:
    return await step(actor)


async def _lost(node_id: str, error: RayError) -> WorkerLostError:
    why = await why_gone(node_id)
    if why is not None:
        return NodeLostError(f"the worker was lost: {why}")
    return WorkerLostError(f"the worker was lost: {_first_line(error)}")


def _start_error(error: Exception) -> FearRefactorError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, FearRefactorError):
        return cause
    return FearRefactorError(f"no worker can be started: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else type(error).__name__

"""Actors that are handed out one call at a time, and replaced when they die."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayTaskError

from fearrefactor.errors import FearRefactorError, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")


class ActorPool:
    """``n_actors`` actors made by ``create``, each of which takes ``slots`` calls at a time.

    Actors need not be there yet: each is handed out from the moment it has loaded its model, so
    that a run starts with the first node of a cluster that still grows. Use one in the event loop
    that it was started in.
    """

    def __init__(self, create: Callable[[], Any], n_actors: int, slots: int) -> None:
        self._create = create
        self._slots = slots
        self._n_actors = n_actors
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        self._starting: set[asyncio.Task[None]] = set()
        self._n_starting = 0
        self._failed_starts = 0  # in a row
        self._n_live = 0
        self._dead: set[Any] = set()

    @property
    def n_calls(self) -> int:
        """How many calls can be under way at once."""
        return self._n_actors * self._slots

    def start(self) -> None:
        """Ask for all actors."""
        for _ in range(self._n_actors):
            self._start_one()

    async def call(self, step: Callable[[Any], Awaitable[_T]]) -> _T:
        """Do one step on the next free actor.

        Raises:
            FearRefactorError: what the step raised there.
            WorkerLostError: the actor died during the step; another one is being started.
        """
        actor = await self._next()
        try:
            return await step(actor)
        except (ActorDiedError, ActorUnavailableError, RayActorError) as error:
            self._replace(actor)
            raise WorkerLostError(f"the worker was lost: {_first_line(error)}") from error
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, FearRefactorError):
                raise cause from error
            raise
        finally:
            if actor not in self._dead:
                self._free.put_nowait(actor)

    def stop(self) -> None:
        """End all actors that are free."""
        for task in self._starting:
            task.cancel()
        while not self._free.empty():
            actor = self._free.get_nowait()
            if not isinstance(actor, BaseException):
                ray.kill(actor)

    async def _next(self) -> Any:
        """A free actor; an error that keeps every actor from starting is raised here."""
        while True:
            actor = await self._free.get()
            if isinstance(actor, BaseException):
                self._free.put_nowait(actor)
                raise actor
            if actor not in self._dead:
                return actor

    def _replace(self, actor: Any) -> None:
        if actor not in self._dead:
            self._dead.add(actor)
            self._n_live -= 1
            ray.kill(actor)
            self._start_one()

    def _start_one(self) -> None:
        self._n_starting += 1
        task = asyncio.ensure_future(self._ready(self._create()))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _ready(self, actor: Any) -> None:
        try:
            await actor.card.remote()
        except (RayActorError, RayTaskError) as error:
            self._n_starting -= 1  # not by the set of tasks: two may end in one turn of the loop
            self._failed_starts += 1
            if self._failed_starts <= self._n_actors + 2:
                self._start_one()
            elif not self._n_live and not self._n_starting:  # this was the last hope
                self._free.put_nowait(_start_error(error))
            return
        self._n_starting -= 1
        self._failed_starts = 0
        self._n_live += 1
        for _ in range(self._slots):
            self._free.put_nowait(actor)


def _start_error(error: Exception) -> FearRefactorError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, FearRefactorError):
        return cause
    return FearRefactorError(f"no worker can be started: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else type(error).__name__

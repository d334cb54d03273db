"""How many videos are in hand, which of them only wait for somebody else, and when to stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Task = asyncio.Task[Any]

#: Rows that wait for another run take memory too.
_MAX_ASIDE: Final = 1000


class Hands:
    """Room for ``max_videos`` videos, beside up to a thousand that have stepped aside.

    Use it in the event loop of the run; only ``stop`` may be called from elsewhere in its thread.
    """

    def __init__(self, max_videos: int) -> None:
        self._max_videos = max_videos
        self._places = asyncio.Semaphore(max_videos)
        self._placed: set[Task | None] = set()
        self._aside: set[Task | None] = set()
        self._changed = asyncio.Event()
        self.stopping: str | None = None

    def has_room(self, n_videos: int) -> bool:
        """Whether one more than ``n_videos``, those aside among them, may be taken in hand."""
        return n_videos - min(len(self._aside), _MAX_ASIDE) < self._max_videos

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A video has one from its first step to its last, but for when it is aside."""
        task = asyncio.current_task()
        await self._enter(task)
        try:
            yield
        finally:
            self._leave(task)

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """A video waits for somebody else: another one may take its place meanwhile.

        After that it goes on as soon as there is a place again. If the wait ends in an error, so
        does the video: it has no place then.
        """
        task = asyncio.current_task()
        self._leave(task)
        self._aside.add(task)
        self._changed.set()
        try:
            yield
        finally:
            self._aside.remove(task)
        await self._enter(task)

    def is_aside(self, task: Task) -> bool:
        """Whether it waits for somebody else."""
        return task in self._aside

    def stop(self, reason: str) -> None:
        """Take no more videos in hand."""
        self.stopping = reason
        self._changed.set()

    def wake(self) -> None:
        """Something has changed: a video has ended."""
        self._changed.set()

    async def change(self) -> None:
        """Wait until a video ends or steps aside, or until this driver is to stop."""
        await self._changed.wait()
        self._changed.clear()

    async def _enter(self, task: Task | None) -> None:
        await self._places.acquire()
        self._placed.add(task)

    def _leave(self, task: Task | None) -> None:
        if task in self._placed:
            self._placed.remove(task)
            self._places.release()

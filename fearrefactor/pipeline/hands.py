"""How many videos are in hand, which of them only wait for somebody else, and when to stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Rows that wait for another run take memory too.
_MAX_ASIDE: Final = 1000


class Hands:
    """Room for ``max_videos`` videos, beside up to a thousand that have stepped aside.

    Use it in the event loop of the run; only ``stop`` may be called from elsewhere in its thread.
    """

    def __init__(self, max_videos: int) -> None:
        self._max_videos = max_videos
        self._n_aside = 0
        self._changed = asyncio.Event()
        self.stopping: str | None = None

    def has_room(self, n_videos: int) -> bool:
        """Whether one more than ``n_videos``, those aside among them, may be taken in hand."""
        return n_videos - min(self._n_aside, _MAX_ASIDE) < self._max_videos

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """A video waits for somebody else: another one may take its place meanwhile."""
        self._n_aside += 1
        self._changed.set()
        try:
            yield
        finally:
            self._n_aside -= 1

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

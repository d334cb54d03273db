"""How many videos may have rendered packets at once: as many as the cluster's memory has room for.

Packets of a video wait in the memory of the cluster from the time they are rendered until its
result is put together. Were all videos in hand rendered at the same time, that memory would run
over onto disks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoIndex

#: What is rendered is seldom more than twice as large as what it stands for, if at all: it is
#: encoded for quality, and the source perhaps better.
_GROWS: Final = 2


class Admission:
    """Lets videos in as long as all their packets together take at most ``room_bytes``.

    First come, first served, so that a large one is not passed over for ever; one that is larger
    than the room is let in alone. None is room without end. Use it in one event loop.
    """

    def __init__(self, room_bytes: int | None = None) -> None:
        self._room_bytes = room_bytes
        self._taken_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def admitted(self, n_bytes: int) -> AsyncIterator[None]:
        """Wait until there is room for ``n_bytes``, and hold it for the length of the block."""
        if n_bytes and self._room_bytes is not None:
            await self._enter(n_bytes, self._room_bytes)
        else:
            n_bytes = 0
        try:
            yield
        finally:
            self._leave(n_bytes)

    async def _enter(self, n_bytes: int, room_bytes: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((n_bytes, turn))
        self._let_in(room_bytes)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in at the very moment in which it gave up
                self._leave(n_bytes)
            self._let_in(room_bytes)  # it may have been the one that all others waited for
            raise

    def _leave(self, n_bytes: int) -> None:
        self._taken_bytes -= n_bytes
        if self._room_bytes is not None:
            self._let_in(self._room_bytes)

    def _let_in(self, room_bytes: int) -> None:
        while self._waiting:
            n_bytes, turn = self._waiting[0]
            if turn.cancelled():
                self._waiting.popleft()
                continue
            if self._taken_bytes and self._taken_bytes + n_bytes > room_bytes:
                return
            self._waiting.popleft()
            self._taken_bytes += n_bytes
            turn.set_result(None)


def rendered_bytes(index: VideoIndex, rendered: NDArray[np.bool_]) -> int:
    """About what the packets of the GOPs ``rendered`` ``(n_gops,)`` will take, rather too much."""
    return _GROWS * int(index.gops.n_bytes[rendered].sum())

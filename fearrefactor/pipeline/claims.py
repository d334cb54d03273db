"""Who works on what: two jobs that want the same thing do it once, and each does its share.

A claim saves work, and nothing depends on it: the create-only upload of a verified result commits.
So a store that takes no claims stops nothing, and a claim is taken over when in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

from fearrefactor.errors import StoreError
from fearrefactor.pipeline.holders import Holders
from fearrefactor.storage.claims import ClaimBook, Holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from fearrefactor.pipeline.hands import Hands
    from fearrefactor.pipeline.job import Published
    from fearrefactor.storage.ledger import Part
    from fearrefactor.storage.run_folder import RunFolder

    Find = Callable[[], Awaitable[Published | None]]

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_log = logging.getLogger(__name__)


class Claims(Protocol):
    """Called in the event loop of the run, by the task that does the row."""

    def held(
        self, work: tuple[str, str], row: int, find: Find
    ) -> AbstractAsyncContextManager[Published | None]:
        """Wait until nobody else does the work, a row's key and work id, and keep others from it.

        Answers what ``find`` has found since, if anything: nothing is left to be done then.
        """
        ...


class NoClaims:
    """Nobody else is there."""

    @contextlib.asynccontextmanager
    async def held(
        self,
        work: tuple[str, str],  # noqa: ARG002
        row: int,  # noqa: ARG002
        find: Find,  # noqa: ARG002
    ) -> AsyncIterator[None]:
        """At once."""
        yield None


class StoreClaims:
    """``Claims`` of a run's ``driver``, beside the results. A row that waits steps aside.

    ``parts`` are those of the run's ledger when the driver began.
    """

    def __init__(self, run: RunFolder, driver: str, parts: Sequence[Part], hands: Hands) -> None:
        me = Holder(run.run_id, driver)
        self._book = ClaimBook(run.store, run.output_prefix, me)
        self._holders = Holders(run.store, run.output_prefix, me, parts)
        self._hands = hands
        self._here: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._has_told = False

    @contextlib.asynccontextmanager
    async def held(
        self, work: tuple[str, str], row: int, find: Find
    ) -> AsyncIterator[Published | None]:
        """See ``Claims``: first among the rows of this driver, then among drivers."""
        here = self._here.setdefault(work, asyncio.Lock())
        was_held = here.locked()
        if was_held:
            async with self._hands.aside():
                await here.acquire()
        else:
            await here.acquire()
        try:
            there = await find() if was_held else None
            if there is not None:
                yield there
                return
            async with self._held_here(work, row, find) as there:
                yield there
        finally:
            here.release()

    @contextlib.asynccontextmanager
    async def _held_here(
        self, work: tuple[str, str], row: int, find: Find
    ) -> AsyncIterator[Published | None]:
        number, there = await self._try(work, row), None
        if number is None:
            async with self._hands.aside():
                number, there = await self._wait(work, row, find)
        try:
            if number:  # who had it until now may have done it since we looked
                there = await find()
            yield there
        finally:
            if number:
                with self._told():
                    await asyncio.to_thread(self._book.release, work, number)

    async def _wait(
        self, work: tuple[str, str], row: int, find: Find
    ) -> tuple[int, Published | None]:
        """The number of our claim, 0 for none, and what somebody else has published."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)
            there = await find()
            if there is not None:
                return 0, there
            number = await self._try(work, row)
            if number is not None:
                return number, None

    async def _try(self, work: tuple[str, str], row: int) -> int | None:
        """The number of our claim, 0 if the store takes none; None while somebody else's counts."""
        with self._told():
            if await asyncio.to_thread(self._book.write, work, 1, row):
                return 1
            last = await asyncio.to_thread(self._book.last, work)
            if last is None or not await self._holders.is_gone(last.holder):
                return None
            number = last.number + 1
            if await asyncio.to_thread(self._book.write, work, number, row):
                return number
            return None
        return 0

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the store does not take is told once, and fails no video."""
        try:
            yield
        except StoreError as error:
            if not self._has_told:
                _log.warning("other jobs may do what this one does: claims fail: %s", error)
            self._has_told = True

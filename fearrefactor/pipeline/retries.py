"""Steps that are done again when the process that did them died, and several steps at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from fearrefactor.core.report import printable
from fearrefactor.errors import WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

_MAX_DEATHS = 3
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Retries:
    """How often processes died over one video; after three deaths it is the video's fault.

    ``on_death`` is told of each, with the reason.
    """

    def __init__(self, video_id: str, on_death: Callable[[str], None]) -> None:
        self._video_id = video_id
        self._on_death = on_death
        self._deaths = 0

    async def surviving(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Do a step, again if need be.

        Raises:
            WorkerLostError: processes that handled the video died three times.
        """
        while True:
            try:
                return await step()
            except WorkerLostError as error:
                self._deaths += 1
                self._on_death(printable(str(error)))
                _log.warning("video %s: %s", printable(self._video_id), printable(str(error)))
                if self._deaths >= _MAX_DEATHS:
                    raise WorkerLostError(
                        f"{self._deaths} processes that handled it died; the last: {error}"
                    ) from error


async def all_of(steps: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Results of all steps in order; when one fails the others are dropped at once."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()

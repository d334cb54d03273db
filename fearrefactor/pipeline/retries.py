"""Steps that are done again when the process that did them died, and several steps at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fearrefactor.core.report import printable
from fearrefactor.errors import (
    BlindModelError,
    FearRefactorError,
    NodeLostError,
    PacketsLostError,
    WorkerLostError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from fearrefactor.core.manifest import Row
    from fearrefactor.pipeline.journal import Journal
    from fearrefactor.pipeline.meters import Cause, Meters

#: Deaths in one and the same step: by then it is the video's fault.
_MAX_DEATHS: Final = 3
#: Deaths in all steps of a video together.
_MAX_DEATHS_IN_ALL: Final = 12
#: Losses that are not the video's fault; a night in which there are more is no night for it.
_MAX_LOSSES: Final = 20
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Retries:
    """How often processes died over one video, and how often that was not its fault.

    A process that dies may have died of the video. One whose node was lost has not, nor has one
    whose model went blind. ``journal`` and ``meters`` are told of each.
    """

    def __init__(self, row: Row, journal: Journal, meters: Meters) -> None:
        self._row = row
        self._journal = journal
        self._meters = meters
        self._n_deaths = self._n_losses = 0

    async def surviving(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Do a step, again if need be.

        Raises:
            WorkerLostError: three processes that did this step died, or twelve in all.
            NodeLostError: twenty were lost for reasons of their own.
            BlindModelError: three models went blind over this step.
        """
        n_deaths = n_blind = 0
        while True:
            try:
                return await step()
            except NodeLostError as error:
                self.survive(error)
            except BlindModelError as error:
                n_blind += 1
                self.survive(error)
                if n_blind == _MAX_DEATHS:
                    raise
            except WorkerLostError as error:
                n_deaths += 1
                self._n_deaths += 1
                self._tell(error, counts=True)
                if n_deaths == _MAX_DEATHS or self._n_deaths == _MAX_DEATHS_IN_ALL:
                    n_died = n_deaths if n_deaths == _MAX_DEATHS else self._n_deaths
                    raise WorkerLostError(
                        f"{n_died} processes that handled it died; the last: {error}"
                    ) from error

    def survive(self, error: NodeLostError | BlindModelError | PacketsLostError) -> None:
        """Something was lost that is not the video's fault; up to twenty times that is no matter.

        Raises:
            NodeLostError: it is the twentieth time.
        """
        self._n_losses += 1
        self._tell(error, counts=False)
        if self._n_losses == _MAX_LOSSES:
            raise NodeLostError(
                f"{_MAX_LOSSES} workers were lost under it through no fault of its own; "
                f"the last: {error}"
            ) from error

    def _tell(self, error: FearRefactorError, *, counts: bool) -> None:
        why = printable(str(error))
        self._journal.lost(self._row.number, why, counts=counts)
        self._meters.lost(_cause(error), counts=counts)
        _log.warning("video %s: %s", printable(self._row.id), why)


def _cause(error: FearRefactorError) -> Cause:
    match error:
        case NodeLostError():
            return "node"
        case BlindModelError():
            return "model"
        case PacketsLostError():
            return "packets"
        case _:
            return "worker"


async def all_of(steps: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Results of all steps in order; when one fails the others are dropped at once."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        tasks.clear()  # else an error holds them, by its traceback, and what the others answered

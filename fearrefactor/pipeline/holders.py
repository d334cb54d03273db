"""Whether the drivers that hold claims are still there: told by their ledgers, and by our patience.

No clock but our own decides, and it only measures how long nothing has come: a driver that lives
writes into its ledger at least once a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fearrefactor.core.ledger import Finished, Stopped
from fearrefactor.pipeline.reconcile import SILENCE_S
from fearrefactor.storage.claims import Holder
from fearrefactor.storage.ledger import list_parts, read_parts
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fearrefactor.storage.ledger import Part
    from fearrefactor.storage.objects import ObjectStore

#: However many rows wait for a driver, its ledger is looked at only so often.
_LOOK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A driver's ledger had ``n_parts`` at ``looked_s``, the first of them at ``grown_s``."""

    n_parts: int
    grown_s: float
    looked_s: float
    is_over: bool


class Holders:
    """What ``me`` knows of the other drivers under an output.

    ``parts`` are those of our own run's ledger when we began. ``clock_s`` never goes back.
    """

    def __init__(
        self,
        store: ObjectStore,
        output_prefix: str,
        me: Holder,
        parts: Sequence[Part] = (),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._prefix = output_prefix
        self._me = me
        self._before_us = Counter(Holder(me.run_id, part.driver) for part in parts)
        self._clock_s = clock_s
        self._seen: dict[Holder, _Seen] = {}
        self._looking = asyncio.Lock()

    async def is_gone(self, holder: Holder) -> bool:
        """Whether it will never end what it has claimed.

        An earlier driver of our own run is gone, unless it has written since we began: somebody
        has started the same command again. What we hold ourselves is left over, because its
        removal failed.

        Raises:
            StoreError: the store does not say.
        """
        if holder == self._me:
            return True
        async with self._looking:
            seen = self._seen.get(holder)
            if seen is None or self._is_to_be_seen_again(holder, seen):
                seen = await asyncio.to_thread(self._look, holder, seen)
                self._seen[holder] = seen
        return (
            seen.is_over
            or self._is_as_before_us(holder, seen)
            or seen.looked_s - seen.grown_s >= SILENCE_S
        )

    def _is_to_be_seen_again(self, holder: Holder, seen: _Seen) -> bool:
        is_new = self._clock_s() - seen.looked_s < _LOOK_S
        return not seen.is_over and (not is_new or self._is_as_before_us(holder, seen))

    def _is_as_before_us(self, holder: Holder, seen: _Seen) -> bool:
        return self._before_us[holder] == seen.n_parts > 0

    def _look(self, holder: Holder, before: _Seen | None) -> _Seen:
        run = RunFolder(self._store, self._prefix, holder.run_id)
        every = list_parts(self._store, run.ledger_prefix)
        parts = [part for part in every if part.driver == holder.driver]
        now_s = self._clock_s()
        if before is not None and before.n_parts == len(parts):
            return _Seen(len(parts), before.grown_s, now_s, run.is_reported)
        last_words = list(read_parts(self._store, parts[-1:]))
        is_over = any(isinstance(event, Stopped | Finished) for event in last_words)
        return _Seen(len(parts), now_s, now_s, is_over or run.is_reported)

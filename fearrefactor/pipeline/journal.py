"""Who is told what happens to rows, so that a run can be followed, and finished by another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from fearrefactor.core.ledger import (
    AllTaken,
    Counted,
    Ended,
    Finished,
    Lost,
    Named,
    Ruled,
    Stopped,
    Taken,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.core.frozen import FrozenRows
    from fearrefactor.core.ledger import Begun
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.run_facts import RunHistory
    from fearrefactor.storage.ledger import LedgerWriter


class Journal(Protocol):
    """Called from one thread, and never waits."""

    def taken(self, row: Row) -> VideoReport | None:
        """A row is taken in hand; nothing was done for it yet.

        If there is a report, that is the end to which it came in this run, and it stands.

        Raises:
            InputError: when this run was begun, it was another row.
        """
        ...

    def ruled(self, digest: str, policy: Policy) -> None:
        """A row is masked by this policy."""
        ...

    def named(self, row: int, row_key: str, work_id: str) -> None:
        """By these names its result is found, once it is published."""
        ...

    def lost(self, row: int, reason: str, *, counts: bool) -> None:
        """A process that had it in hand died; ``counts``: it may be the row's fault."""
        ...

    def passed(self, row: int) -> None:
        """A row of the manifest belongs to another shard.

        Raises:
            InputError: when this run was begun, it was one of its own.
        """
        ...

    def all_taken(self, n_rows: int, n_others: int = 0) -> None:
        """There are no more rows than so many, and others in the manifest that were passed.

        Raises:
            InputError: when this run was begun, there were more.
        """
        ...


class NoJournal:
    """Nobody follows."""

    def taken(self, row: Row) -> VideoReport | None:
        """Nothing is kept."""

    def ruled(self, digest: str, policy: Policy) -> None:
        """Nothing is kept."""

    def named(self, row: int, row_key: str, work_id: str) -> None:
        """Nothing is kept."""

    def lost(self, row: int, reason: str, *, counts: bool) -> None:
        """Nothing is kept."""

    def passed(self, row: int) -> None:
        """Nothing is kept."""

    def all_taken(self, n_rows: int, n_others: int = 0) -> None:
        """Nothing is kept."""


class LedgerJournal:
    """A ``Journal`` in a ledger.

    ``frozen`` are the rows that earlier drivers of the run took; ``history`` is what they told of
    the run, and goes on here.
    """

    def __init__(self, writer: LedgerWriter, frozen: FrozenRows, history: RunHistory) -> None:
        self._writer = writer
        self._frozen = frozen
        self._history = history
        self.has_begun = False

    def begun(self, event: Begun) -> None:
        """This driver sets out; in the store when this returns.

        Raises:
            StoreError: nothing can be written there.
        """
        self._tell(event)
        self.has_begun = True
        self._writer.flush()

    def taken(self, row: Row) -> VideoReport | None:
        """See ``Journal``."""
        event = Taken(
            time_s=time.time(),
            row=row.number,
            id=row.id,
            uri=row.uri,
            policy=row.policy,
            extra=dict(row.extra),
        )
        self._frozen.check(event)
        self._writer.add(event)
        return self._frozen.poison.get(row.number)

    def ruled(self, digest: str, policy: Policy) -> None:
        """See ``Journal``."""
        if not self._history.knows(digest):
            self._tell(Ruled(time_s=time.time(), digest=digest, policy=policy))

    def named(self, row: int, row_key: str, work_id: str) -> None:
        """See ``Journal``."""
        self._writer.add(Named(time_s=time.time(), row=row, row_key=row_key, work_id=work_id))

    def lost(self, row: int, reason: str, *, counts: bool) -> None:
        """See ``Journal``."""
        self._tell(Lost(time_s=time.time(), row=row, reason=reason, counts=counts))

    def counted(self, n_rows: int) -> None:
        """So many rows there are, most of which may not be taken yet. Any thread may say so."""
        self._writer.add(Counted(time_s=time.time(), n_rows=n_rows))

    def passed(self, row: int) -> None:
        """See ``Journal``."""
        self._frozen.check_passed(row)

    def all_taken(self, n_rows: int, n_others: int = 0) -> None:
        """See ``Journal``."""
        self._frozen.check_all(n_rows + n_others)
        self._writer.add(AllTaken(time_s=time.time(), n_rows=n_rows))

    def ended(self, report: VideoReport) -> None:
        """A row has come to its end."""
        self._writer.add(Ended(time_s=time.time(), report=report))

    def stopped(self, reason: str) -> None:
        """This driver leaves before all is done."""
        self._writer.add(Stopped(time_s=time.time(), reason=reason))

    def finished(self, counts: Mapping[str, int]) -> None:
        """``videos.parquet`` is written, with so many rows by outcome."""
        self._writer.add(Finished(time_s=time.time(), counts=dict(counts)))

    def _tell(self, event: Begun | Ruled | Lost) -> None:
        """What is of the run as a whole."""
        self._writer.add(event)
        self._history.add(event)

"""Rows as they were when a run first took them: one that goes on must find the same."""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import TYPE_CHECKING

from fearrefactor.errors import InputError

if TYPE_CHECKING:
    from fearrefactor.core.ledger import Taken
    from fearrefactor.core.report import VideoReport


class FrozenRows:
    """Eight bytes for each row that an earlier driver of the same run has taken.

    ``poison``: by number, the reports of rows that have killed all who tried them. Nobody tries
    them again in this run.
    """

    def __init__(self) -> None:
        self.poison: dict[int, VideoReport] = {}
        self._digests = array("Q")

    def add(self, taken: Taken) -> None:
        """Remember a row."""
        missing = taken.row + 1 - len(self._digests)
        if missing > 0:
            self._digests.extend([0] * missing)
        self._digests[taken.row] = _digest(taken)

    def end(self, report: VideoReport) -> None:
        """Remember the end to which a row came, if it stands."""
        if report.code == "poison":
            self.poison[report.row] = report
        else:
            self.poison.pop(report.row, None)

    def check(self, taken: Taken) -> None:
        """Hold a row against what it was.

        Raises:
            InputError: it is another one.
        """
        before = self._digests[taken.row] if taken.row < len(self._digests) else 0
        if before not in {0, _digest(taken)}:
            raise InputError(
                f"row {taken.row} ({taken.id!r}, {taken.uri!r}) is not what it was when this run "
                "began: the manifest has changed; choose another --run-id (what is done is found "
                "again)"
            )

    def check_passed(self, row: int) -> None:
        """A row that is none of this run's must never have been.

        Raises:
            InputError: it was taken.
        """
        if row < len(self._digests) and self._digests[row]:
            raise InputError(
                f"row {row} was of this run's shard when it began, and is not any more: the "
                "manifest has changed; choose another --run-id (what is done is found again)"
            )

    def check_all(self, n_rows: int) -> None:
        """Hold the length of the manifest against the rows that were taken.

        Raises:
            InputError: it has become shorter.
        """
        if n_rows < len(self._digests) - 1:
            raise InputError(
                f"the manifest has {n_rows} rows, and this run has taken row "
                f"{len(self._digests) - 1} before: it has changed; choose another --run-id (what "
                "is done is found again)"
            )


def _digest(taken: Taken) -> int:
    """Of all that a manifest says of a row; never 0."""
    told = json.dumps([taken.id, taken.uri, taken.policy, sorted(taken.extra.items())])
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8]) or 1

"""What a run leaves under ``runs/{run_id}/``: its ledger, its report, the sign that all is done.

The report is written once, when every row has ended; ``_SUCCESS`` after it, if none has failed.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fearrefactor.core.shard import WHOLE
from fearrefactor.errors import AlreadyExistsError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fearrefactor.storage.objects import ObjectStore

#: What browsers are told of a page.
HTML: Final = "text/html; charset=utf-8"
_PIECE_BYTES = 1 << 22


@dataclass(frozen=True)
class RunFolder:
    """The run ``run_id`` under an output: ``output_prefix`` is empty or ends in a slash."""

    store: ObjectStore
    output_prefix: str
    run_id: str

    @property
    def report_key(self) -> str:
        """Of ``videos.parquet``."""
        return f"{self._prefix}videos.parquet"

    @property
    def decisions_key(self) -> str:
        """Of what a person has decided, in a run that does so."""
        return f"{self._prefix}decisions.json"

    @property
    def ledger_prefix(self) -> str:
        """Under which parts of the ledger are."""
        return f"{self._prefix}ledger/"

    @property
    def page_key(self) -> str:
        """Of the report as a page for people."""
        return f"{self._prefix}report/index.html"

    @property
    def success_key(self) -> str:
        """Of the sign that every row is done."""
        return f"{self._prefix}_SUCCESS"

    @property
    def uri(self) -> str:
        """How people name the run."""
        return self.store.uri(self._prefix.rstrip("/"))

    @property
    def is_reported(self) -> bool:
        """Whether every row has ended and the report is there.

        Raises:
            StoreError: the store does not say.
        """
        return self._has(self.report_key)

    @property
    def has_page(self) -> bool:
        """Whether there is a page for people.

        Raises:
            StoreError: the store does not say.
        """
        return self._has(self.page_key)

    @property
    def is_successful(self) -> bool:
        """Whether ``_SUCCESS`` is there.

        Raises:
            StoreError: the store does not say.
        """
        return self._has(self.success_key)

    def fetch_report(self, path: Path) -> None:
        """Copy the report to a file.

        Raises:
            NotFoundError: there is none yet.
            StoreError: it cannot be read.
        """
        with self.store.open(self.report_key) as reader, path.open("wb") as file:
            while piece := reader.read(_PIECE_BYTES):
                file.write(piece)

    def keep_report(self, path: Path) -> None:
        """Store the report.

        Raises:
            AlreadyExistsError: somebody else has finished this run.
            StoreError: it cannot be written.
        """
        self.store.create(self.report_key, path, {"run-id": self.run_id})

    def keep_page(self, page: bytes) -> None:
        """Store the report as a page (HTML in UTF-8), over an earlier one.

        Raises:
            StoreError: it cannot be written.
        """
        self.store.replace(self.page_key, page, HTML)

    def keep_decisions(self, content: bytes) -> None:
        """Store the decisions of which this run is made; the same ones may be there already.

        Raises:
            InputError: it was begun with others.
            StoreError: they cannot be written.
        """
        try:
            self.store.create(self.decisions_key, content, {"run-id": self.run_id})
        except AlreadyExistsError as error:
            with self.store.open(self.decisions_key) as reader:
                if reader.read(len(content) + 1) != content:
                    raise InputError(
                        f"run {self.run_id} was begun with other decisions; choose another "
                        "--run-id (what is done is found again)"
                    ) from error

    def keep_success(self, counts: Mapping[str, int], shard: str) -> None:
        """Say that every row is done, with their number by outcome; nothing if it was said before.

        ``shard`` says as ``I/N`` which rows of the manifest these are.

        Raises:
            StoreError: it cannot be written.
        """
        rows = sum(counts.values())
        told = {"run_id": self.run_id, "rows": rows, "outcomes": dict(counts)}
        if shard != str(WHOLE):
            told["shard"] = shard
        with contextlib.suppress(AlreadyExistsError):
            self.store.create(self.success_key, json.dumps(told).encode() + b"\n", {})

    def _has(self, key: str) -> bool:
        try:
            self.store.stat(key)
        except NotFoundError:
            return False
        return True

    @property
    def _prefix(self) -> str:
        return f"{self.output_prefix}runs/{self.run_id}/"

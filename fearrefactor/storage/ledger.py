"""The ledger of a run as part files under one prefix: written as it goes, read while it grows.

A part is compressed JSON lines, an event each, written create-only (parts of earlier versions are
not compressed). Parts sort by the session (how many drivers came before), then the driver, then
their number: no clock decides what is read first.
"""

from __future__ import annotations

import gzip
import itertools
import re
import secrets
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from fearrefactor.core.ledger import Alive, event_line, parse_event
from fearrefactor.errors import AlreadyExistsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from fearrefactor.core.ledger import Event
    from fearrefactor.storage.objects import ObjectStore

#: At the beginning of a run parts are written more often, so that short runs can be followed too.
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 5.0
#: Where nothing happens for so long, that is written.
_SILENCE_S: Final = 60.0
_MAX_EVENTS: Final = 2000
_MAX_BYTES: Final = 4 << 20
_READ_AT_ONCE: Final = 16
#: Of compression: more makes parts little smaller and takes twice as long.
_LEVEL: Final = 6
_PART = re.compile(r"(\d{4}-[0-9a-f]{8})-(\d{6})\.jsonl(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class Part:
    """The ``number``-th part, from 1, of what ``driver`` wrote."""

    key: str
    driver: str
    number: int


class LedgerWriter:
    """Writes events under ``prefix``, which ends in a slash. Use it in a ``with`` statement.

    ``driver`` is a name that nobody else writes under, from ``new_driver``. A thread writes what
    has come; what a store does not take is tried again until it does. From the first event on it
    also says when nothing happens for a minute.
    """

    def __init__(self, store: ObjectStore, prefix: str, driver: str) -> None:
        self._store = store
        self._prefix = prefix
        self._driver = driver
        self._lines: list[bytes] = []
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._part: tuple[bytes, int] | None = None  # on its way: may be there already
        self._number = 1
        self._is_closed = False
        self._start_s = self._last_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StoreError as failed:
            if error is None:
                raise
            error.add_note(f"the end of the ledger is missing: {failed}")

    def add(self, event: Event) -> None:
        """Take an event; never waits for the store."""
        line = event_line(event)
        with self._changed:
            self._lines.append(line)
            if len(self._lines) >= _MAX_EVENTS:
                self._changed.notify()

    def flush(self) -> None:
        """Write all that has come.

        Raises:
            StoreError: the store does not take it; it is kept, and tried again later.
        """
        with self._writing:
            while self._part is not None or self._lines:
                self._write_part()

    def close(self) -> None:
        """Write the rest and end the thread.

        Raises:
            StoreError: the store does not take it.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._is_closed:
            age_s = time.monotonic() - self._start_s
            with self._changed:
                if not self._is_closed:
                    self._changed.wait(min(_LONGEST_S, max(_SHORTEST_S, age_s / 20)))
            silent_s = time.monotonic() - self._last_s
            if self._number > 1 and not self._lines and silent_s > _SILENCE_S:
                self.add(Alive(time_s=time.time()))
            try:
                self.flush()
            except StoreError:  # kept, tried again, and raised by close
                continue

    def _write_part(self) -> None:
        if self._part is None:
            lines, n_lines = self._next_lines()
            self._part = gzip.compress(lines, _LEVEL, mtime=0), n_lines
        data, n_lines = self._part
        key = f"{self._prefix}{self._driver}-{self._number:06}.jsonl.gz"
        try:
            self._store.create(key, data, {})
        except AlreadyExistsError:  # by an earlier try whose reply was lost?
            with self._store.open(key) as reader:
                if reader.read() != data:
                    raise StoreError(
                        f"{self._store.uri(key)} was written by somebody else"
                    ) from None
        with self._changed:
            del self._lines[:n_lines]
        self._part = None
        self._number += 1
        self._last_s = time.monotonic()

    def _next_lines(self) -> tuple[bytes, int]:
        """As many lines as go into a part; they stay in line until they are written."""
        with self._changed:
            sizes = itertools.accumulate(map(len, self._lines[:_MAX_EVENTS]))
            n_lines = max(1, sum(size <= _MAX_BYTES for size in sizes))
            return b"".join(self._lines[:n_lines]), n_lines


def new_driver(parts: Sequence[Part]) -> str:
    """A name for one more driver, whose parts are read after those that are there."""
    session = max((int(part.driver[:4]) for part in parts), default=0) + 1
    return f"{session:04}-{secrets.token_hex(4)}"


def list_parts(store: ObjectStore, prefix: str) -> list[Part]:
    """The parts that are there now, in the order in which they are to be read.

    Raises:
        StoreError: a part is missing, or something else is under the prefix.
    """
    parts = []
    for found in store.list(prefix):
        name = _PART.fullmatch(found.key.removeprefix(prefix))
        if name is None:
            raise StoreError(f"{store.uri(found.key)} is no part of a ledger; move it away")
        parts.append(Part(found.key, name[1], int(name[2])))
    parts.sort(key=lambda part: (part.driver, part.number))
    for _, of_driver in itertools.groupby(parts, key=lambda part: part.driver):
        for number, part in enumerate(of_driver, start=1):
            if part.number != number:
                raise StoreError(
                    f"the ledger has a gap: part {number:06} before {store.uri(part.key)} is gone"
                )
    return parts


def read_parts(store: ObjectStore, parts: Sequence[Part]) -> Iterator[Event]:
    """The events of parts, in order; a few parts are in memory at a time.

    Raises:
        StoreError: a part cannot be read; the message names it and the line.
    """
    with ThreadPoolExecutor(_READ_AT_ONCE, "ledger") as pool:
        for first in range(0, len(parts), _READ_AT_ONCE):
            some = parts[first : first + _READ_AT_ONCE]
            read = pool.map(lambda part: _read(store, part), some)
            for part, content in zip(some, read, strict=True):
                for number, line in enumerate(content.splitlines(), start=1):
                    try:
                        yield parse_event(line)
                    except ValueError as error:
                        raise StoreError(
                            f"{store.uri(part.key)}, line {number} is no event: {error}"
                        ) from error


def read_events(store: ObjectStore, prefix: str) -> Iterator[Event]:
    """The events of all parts that are there now, in order.

    Raises:
        StoreError: as ``list_parts`` and ``read_parts``.
    """
    return read_parts(store, list_parts(store, prefix))


def _read(store: ObjectStore, part: Part) -> bytes:
    with store.open(part.key) as reader:
        data = reader.read()
    if not part.key.endswith(".gz"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"{store.uri(part.key)} is damaged: {error}") from error

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.ledger import Alive, Taken
from fearrefactor.errors import StoreError
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fearrefactor.core.ledger import Event
    from fearrefactor.storage.objects import ObjectStat, ObjectStore
    from fearrefactor.storage.reader import ObjectReader

PREFIX = "runs/night/ledger/"
DRIVER = "0001-0000abcd"


class UnreliableStore:
    """A folder whose ``create`` fails so often: without effect, or with effect and a lost reply."""

    def __init__(self, folder: Path, faults: list[str]) -> None:
        self._store = FolderStore(folder)
        self._faults = faults
        self.went_well = threading.Event()

    def uri(self, key: str) -> str:
        return self._store.uri(key)

    def stat(self, key: str) -> ObjectStat:
        return self._store.stat(key)

    def open(self, key: str, stat: ObjectStat | None = None) -> ObjectReader:
        return self._store.open(key, stat)

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        fault = self._faults.pop(0) if self._faults else None
        if fault != "refused":
            self._store.create(key, source, metadata)
        if fault is not None:
            raise StoreError(f"{key}: {fault}")
        self.went_well.set()

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return self._store.list(prefix)

    def delete(self, key: str) -> None:
        self._store.delete(key)


def taken(row: int, name: str = "film") -> Taken:
    return Taken(time_s=float(row), row=row, id=name, uri="u")


def written(store: ObjectStore) -> list[Event]:
    return list(read_events(store, PREFIX))


def test_events_come_back_in_order_from_parts_of_bounded_size(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    small = [taken(row) for row in range(1, 4001)]
    large = [taken(row, "x" * (1 << 20)) for row in range(4001, 4010)]
    with LedgerWriter(store, PREFIX, DRIVER) as writer:
        for event in small + large:
            writer.add(event)
    assert written(store) == small + large
    sizes = [found.size_bytes for found in store.list(PREFIX)]
    assert len(sizes) >= 5
    assert max(sizes) <= 4 << 20


def test_what_a_store_does_not_take_is_tried_again_while_the_run_goes_on(tmp_path: Path) -> None:
    store = UnreliableStore(tmp_path, ["refused", "refused"])
    with LedgerWriter(store, PREFIX, DRIVER) as writer:
        writer.add(taken(1))
        assert store.went_well.wait(20)
        writer.add(taken(2))
    assert written(store) == [taken(1), taken(2)]


def test_a_reply_that_was_lost_makes_no_second_part_and_loses_no_event(tmp_path: Path) -> None:
    store = UnreliableStore(tmp_path, ["its reply was lost"])
    writer = LedgerWriter(store, PREFIX, DRIVER)
    writer.add(taken(1))
    with pytest.raises(StoreError, match="its reply was lost"):
        writer.flush()
    writer.add(taken(2))
    writer.flush()
    assert written(store) == [taken(1), taken(2)]
    assert [part.number for part in list_parts(store, PREFIX)] == [1, 2]


def test_a_store_that_never_takes_the_rest_is_an_error_when_the_ledger_is_closed(
    tmp_path: Path,
) -> None:
    writer = LedgerWriter(UnreliableStore(tmp_path, ["refused"] * 99), PREFIX, DRIVER)
    with pytest.raises(StoreError, match="refused"):
        with_one_event(writer)


def with_one_event(writer: LedgerWriter) -> None:
    with writer:
        writer.add(taken(1))


def test_the_error_of_a_run_is_not_hidden_by_that_of_its_ledger(tmp_path: Path) -> None:
    writer = LedgerWriter(UnreliableStore(tmp_path, ["refused"] * 99), PREFIX, DRIVER)
    writer.add(taken(1))
    with pytest.raises(ZeroDivisionError) as caught, writer:
        raise ZeroDivisionError
    assert "the end of the ledger is missing" in caught.value.__notes__[0]


def test_a_part_that_somebody_else_wrote_is_never_taken_for_ones_own(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(f"{PREFIX}{DRIVER}-000001.jsonl.gz", b"other", {})
    writer = LedgerWriter(store, PREFIX, DRIVER)
    writer.add(taken(1))
    with pytest.raises(StoreError, match="written by somebody else"):
        writer.flush()


def test_parts_that_an_earlier_version_left_uncompressed_are_read_like_any_other(
    tmp_path: Path,
) -> None:
    store = FolderStore(tmp_path)
    old = Taken(time_s=1.0, row=1, id="film", uri="u", extra={"shift": "night"})
    line = b'{"time_s":1.0,"kind":"taken","row":1,"id":"film","uri":"u","policy":null,'
    store.create(f"{PREFIX}{DRIVER}-000001.jsonl", line + b'"extra":{"shift":"night"}}\n', {})
    with LedgerWriter(store, PREFIX, new_driver(list_parts(store, PREFIX))) as writer:
        writer.add(taken(2))
    assert written(store) == [old, taken(2)]


def test_a_later_driver_is_read_after_an_earlier_one_whatever_their_clocks_say(
    tmp_path: Path,
) -> None:
    store = FolderStore(tmp_path)
    told: list[Event] = []
    for time_s in (50.0, 10.0, 30.0):
        event = Alive(time_s=time_s)
        with LedgerWriter(store, PREFIX, new_driver(list_parts(store, PREFIX))) as writer:
            writer.add(event)
        told.append(event)
    assert written(store) == told


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (f"{DRIVER}-000001.jsonl", b'{"kind":"alive","time_s":1}\n{"kind"', "000001.jsonl, line 2"),
        (f"{DRIVER}-000002.jsonl", b'{"kind":"alive","time_s":1}\n', "has a gap: part 000001"),
        (f"{DRIVER}-000001.jsonl.gz", gzip.compress(b"{}")[:-9], "000001.jsonl.gz is damaged"),
        (f"{DRIVER}-000001.jsonl.gz", b"{}", "000001.jsonl.gz is damaged"),
        ("notes.txt", b"", "notes.txt is no part of a ledger"),
    ],
)
def test_a_ledger_that_is_not_whole_is_an_error_that_names_the_part(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    store = FolderStore(tmp_path)
    store.create(PREFIX + name, content, {})
    with pytest.raises(StoreError, match=said):
        written(store)

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import zlib
from typing import TYPE_CHECKING

import pytest

from fearrefactor.errors import DamagedReadError
from fearrefactor.storage.first_reading import read_first
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.reader import BLOCK_BYTES, block_sums

if TYPE_CHECKING:
    from pathlib import Path

DATA = random.Random(5).randbytes(5 * BLOCK_BYTES + 3)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "film").write_bytes(DATA)
    return FolderStore(tmp_path)


def test_a_first_reading_tells_the_sha256_and_a_checksum_of_each_block(store: FolderStore) -> None:
    found = read_first(store, store.stat("film"))
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert found.sums == block_sums(DATA)
    assert store.open("film", store.stat("film"), found.sums).read() == DATA


def test_what_is_not_what_the_store_says_that_it_keeps_is_refused(store: FolderStore) -> None:
    stat = store.stat("film")
    said = dataclasses.replace(stat, crc32=zlib.crc32(DATA))
    assert read_first(store, said) == read_first(store, stat)
    with pytest.raises(DamagedReadError, match="film was read twice"):
        read_first(store, dataclasses.replace(stat, crc32=zlib.crc32(DATA) ^ 1))


def test_a_file_that_is_changed_behind_its_times_is_noticed(
    store: FolderStore, tmp_path: Path
) -> None:
    stat = store.stat("film")
    first = read_first(store, stat)
    path = tmp_path / "film"
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(2 * BLOCK_BYTES)
        file.write(b"other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.stat("film") == stat  # which nobody can tell from outside
    with pytest.raises(DamagedReadError):
        store.open("film", stat, first.sums).read()

"""One contract, two stores: a folder, and a bucket of a real S3 server."""

from __future__ import annotations

import hashlib
import io
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fearrefactor.errors import (
    AlreadyExistsError,
    NotFoundError,
    SourceChangedError,
    StoreError,
)
from fearrefactor.storage.locations import open_store
from fearrefactor.storage.objects import prove_create_only
from fearrefactor.storage.reader import BLOCK_BYTES
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.storage.s3_create import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from s3_server import S3Server

    from fearrefactor.storage.objects import ObjectStore

    #: Changes an object behind the store's back.
    Overwrite = Callable[[str, bytes], object]


@pytest.fixture(params=["folder", "s3"])
def store_and_overwrite(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[ObjectStore, Overwrite]:
    if request.param == "folder":
        root = tmp_path / "store"
        return open_store(str(root), S3Settings()), lambda key, data: _replace(root / key, data)
    bucket: str = request.getfixturevalue("s3_bucket")
    server: S3Server = request.getfixturevalue("s3_server")
    settings: S3Settings = request.getfixturevalue("s3_settings")
    client = server.client()
    return open_store(f"s3://{bucket}", settings), lambda key, data: client.put_object(
        Bucket=bucket, Key=key, Body=data
    )


@pytest.fixture
def store(store_and_overwrite: tuple[ObjectStore, Overwrite]) -> ObjectStore:
    return store_and_overwrite[0]


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_what_was_created_is_found_with_its_size_and_metadata(store: ObjectStore) -> None:
    store.create("videos/a b+é.mp4", b"film", {"sha256": "ab" * 32, "policy-digest": "x y"})
    stat = store.stat("videos/a b+é.mp4")
    assert stat.size_bytes == 4
    assert {"sha256": "ab" * 32, "policy-digest": "x y"}.items() <= stat.metadata.items()
    assert store.open("videos/a b+é.mp4").read() == b"film"


def test_an_empty_object_can_be_stored_and_read(store: ObjectStore) -> None:
    store.create("empty", b"", {})
    assert store.stat("empty").size_bytes == 0
    assert store.open("empty").read() == b""


def test_a_second_create_is_refused_and_changes_nothing(store: ObjectStore) -> None:
    store.create("key", b"first", {"who": "first"})
    with pytest.raises(AlreadyExistsError, match="key"):
        store.create("key", b"the second", {"who": "second"})
    assert store.open("key").read() == b"first"
    assert store.stat("key").metadata["who"] == "first"


def test_a_page_is_written_over_an_earlier_one(store: ObjectStore) -> None:
    store.replace("runs/a/report/index.html", b"the first page", "text/html; charset=utf-8")
    store.replace("runs/a/report/index.html", b"second", "text/html; charset=utf-8")
    assert store.open("runs/a/report/index.html").read() == b"second"
    assert [found.key for found in store.list("")] == ["runs/a/report/index.html"]
    assert list(store.unfinished("")) == []


def test_who_reads_a_page_that_is_replaced_never_gets_half_of_both(store: ObjectStore) -> None:
    store.replace("page.html", b"a" * (3 * BLOCK_BYTES), "text/html")
    reader = store.open("page.html")
    assert reader.read(10) == b"a" * 10
    store.replace("page.html", b"b" * (3 * BLOCK_BYTES), "text/html")
    reader.seek(2 * BLOCK_BYTES)
    with pytest.raises(SourceChangedError, match=r"page\.html"):
        reader.read(10)


def test_what_was_replaced_is_still_never_created_again(store: ObjectStore) -> None:
    store.replace("page.html", b"page", "text/html")
    with pytest.raises(AlreadyExistsError, match=r"page\.html"):
        store.create("page.html", b"other", {})
    store.delete("page.html")
    assert list(store.list("")) == []


def test_a_browser_is_told_that_a_page_on_s3_is_one(
    s3_bucket: str, s3_server: S3Server, s3_settings: S3Settings
) -> None:
    store = open_store(f"s3://{s3_bucket}", s3_settings)
    store.replace("page.html", b"<!doctype html>", "text/html; charset=utf-8")
    found = s3_server.client().head_object(Bucket=s3_bucket, Key="page.html")
    assert found["ContentType"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("n_bytes", [1000, PART_BYTES + 1000], ids=["small", "in parts"])
def test_of_eight_racing_writers_exactly_one_wins(store: ObjectStore, n_bytes: int) -> None:
    def write(number: int) -> bool:
        try:
            store.create("raced", bytes([number]) * n_bytes, {"who": str(number)})
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    winner = won.index(True)
    assert store.stat("raced").metadata["who"] == str(winner)
    assert store.open("raced").read() == bytes([winner]) * n_bytes


def test_forty_mebibytes_come_back_as_they_went(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    data = random.Random(1).randbytes(40 << 20)
    path.write_bytes(data)
    store.create("large", path, {})
    digest = hashlib.sha256()
    reader = store.open("large")
    while piece := reader.read(100_000):
        digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
    assert reader.n_fetches <= 13  # 1, 2, 4, 4 … MiB at a time


def test_any_range_equals_the_slice(store: ObjectStore) -> None:
    data = random.Random(2).randbytes(3 * BLOCK_BYTES + 12345)
    store.create("ranged", data, {})
    reader = store.open("ranged")
    edges = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 7, len(data) - 1, len(data)]
    for start in reversed(edges):
        for length in (1, 4096, BLOCK_BYTES + 1, len(data)):
            assert reader.seek(start) == start
            assert reader.read(length) == data[start : start + length]
            assert reader.tell() == min(start + length, len(data))
    assert reader.seek(-10, io.SEEK_END) == len(data) - 10
    assert reader.read() == data[-10:]


def test_reading_on_after_an_overwrite_is_an_error(
    store_and_overwrite: tuple[ObjectStore, Overwrite],
) -> None:
    store, overwrite = store_and_overwrite
    store.create("source", b"a" * (3 * BLOCK_BYTES), {})
    reader = store.open("source")
    assert reader.read(10) == b"a" * 10
    overwrite("source", b"b" * (3 * BLOCK_BYTES))
    reader.seek(2 * BLOCK_BYTES)
    with pytest.raises(SourceChangedError, match="source"):
        reader.read(10)


def test_a_pinned_version_that_is_gone_is_a_changed_source(store: ObjectStore) -> None:
    store.create("source", b"abc", {})
    pinned = store.stat("source")
    store.delete("source")
    with pytest.raises(SourceChangedError, match="source"):
        store.open("source", pinned).read()


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match=r"no/such\.mp4"):
        store.stat("no/such.mp4")
    with pytest.raises(NotFoundError, match=r"no/such\.mp4"):
        store.open("no/such.mp4")
    store.delete("no/such.mp4")


def test_a_listing_holds_each_key_under_the_prefix_once(store: ObjectStore) -> None:
    keys = [f"in/{name}" for name in ("a.mp4", "b/c.mp4", "b/d/e.mp4", "z.mp4")]
    for key in [*keys, "out/a.mp4"]:
        store.create(key, key.encode(), {})
    assert [stat.key for stat in store.list("in/")] == keys
    assert [stat.key for stat in store.list("in/b")] == keys[1:3]
    assert [stat.key for stat in store.list("")] == [*keys, "out/a.mp4"]
    assert list(store.list("nothing/")) == []
    listed = next(store.list("in/"))
    assert (listed.size_bytes, listed.etag) == (8, store.stat("in/a.mp4").etag)


def test_a_source_that_cannot_be_read_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        store.create("key", tmp_path / "missing", {})
    assert list(store.list("")) == []


@pytest.mark.parametrize("metadata", [{"Key": "x"}, {"k": "é"}, {"k": "a\nb"}, {"attempt": "1"}])
def test_metadata_that_some_store_would_change_is_refused(
    store: ObjectStore, metadata: dict[str, str]
) -> None:
    with pytest.raises(StoreError, match="cannot be kept"):
        store.create("key", b"", metadata)
    assert list(store.list("")) == []


def test_a_store_that_honours_create_only_passes_its_proof(store: ObjectStore) -> None:
    prove_create_only(store, "scratch/proof")
    assert list(store.list("")) == []

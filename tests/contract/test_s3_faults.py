"""S3 over a network that loses replies, and S3 that says no."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

import pytest
from fault_proxy import FaultProxy
from faults import Cut, Drop, Flip, Rule

from fearrefactor.errors import (
    AlreadyExistsError,
    DamagedReadError,
    NotFoundError,
    StoreError,
)
from fearrefactor.storage.first_reading import read_first
from fearrefactor.storage.reader import BLOCK_BYTES, block_sums
from fearrefactor.storage.s3 import S3Settings, S3Store
from fearrefactor.storage.s3_create import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from s3_server import S3Server


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def store(proxy: FaultProxy, s3_bucket: str) -> S3Store:
    settings = S3Settings(endpoint_url=proxy.endpoint_url, region="us-east-1", tries=3)
    return S3Store(s3_bucket, settings)


@pytest.fixture
def client(s3_server: S3Server) -> Any:
    return s3_server.client()


@pytest.mark.parametrize(
    ("n_bytes", "committing"),
    [(1000, "PutObject"), (PART_BYTES + 1000, "CompleteMultipartUpload")],
    ids=["small", "in parts"],
)
def test_a_lost_reply_to_the_commit_is_neither_failure_nor_somebody_elses_object(
    store: S3Store, proxy: FaultProxy, client: Any, n_bytes: int, committing: str
) -> None:
    lost = Rule(Drop(), (committing,), most=1)
    proxy.set(lost)
    store.create("key", bytes(n_bytes), {"who": "me"})
    assert proxy.done[lost] == 1
    assert store.stat("key").metadata["who"] == "me"
    assert store.stat("key").size_bytes == n_bytes
    assert "Uploads" not in client.list_multipart_uploads(Bucket=store.bucket)


def test_a_lost_reply_does_not_claim_another_writers_object(
    store: S3Store, proxy: FaultProxy
) -> None:
    store.create("key", b"theirs", {})
    lost = Rule(Drop(), ("PutObject",), most=1)
    proxy.set(lost)
    with pytest.raises(AlreadyExistsError, match="another attempt"):
        store.create("key", b"ours", {})
    assert proxy.done[lost] == 1
    assert store.open("key").read() == b"theirs"


def test_a_commit_that_never_answers_says_that_nobody_knows(
    s3_bucket: str, proxy: FaultProxy
) -> None:
    settings = S3Settings(endpoint_url=proxy.endpoint_url, region="us-east-1", tries=2)
    proxy.set(Rule(Drop()))
    with pytest.raises(StoreError, match="not known whether it was written") as caught:
        S3Store(s3_bucket, settings).create("key", b"film", {})
    assert caught.value.code == "store_error"


def test_a_body_that_breaks_off_is_read_again(store: S3Store, proxy: FaultProxy) -> None:
    data = random.Random(3).randbytes(2 * BLOCK_BYTES)
    store.create("source", data, {})
    reader = store.open("source")
    broken = Rule(Cut(keep_bytes=5000), ("GetObject",), most=2)
    proxy.set(broken)
    assert reader.read() == data
    assert proxy.done[broken] == 2


def test_a_bit_that_flips_in_a_later_reading_is_read_again(
    store: S3Store, proxy: FaultProxy
) -> None:
    data = random.Random(6).randbytes(3 * BLOCK_BYTES)
    store.create("source", data, {})
    flipped = Rule(Flip(), ("GetObject",), most=2)
    proxy.set(flipped)
    assert store.open("source", sums=block_sums(data)).read() == data
    assert proxy.done[flipped] == 2


def test_a_bit_that_flips_in_the_first_reading_is_known_by_the_checksum_of_the_store(
    store: S3Store, proxy: FaultProxy
) -> None:
    data = random.Random(7).randbytes(2 * BLOCK_BYTES)
    store.create("source", data, {})
    pinned = store.stat("source")
    flipped = Rule(Flip(), ("GetObject",), most=1)
    proxy.set(flipped)
    assert read_first(store, pinned).sums == block_sums(data)
    assert proxy.done[flipped] == 1
    proxy.set(Rule(Flip(), ("GetObject",)))
    with pytest.raises(DamagedReadError, match="source was read twice"):
        read_first(store, pinned)


def test_an_object_that_came_in_parts_has_no_checksum_of_the_whole(store: S3Store) -> None:
    store.create("source", bytes(PART_BYTES), {})
    assert store.stat("source").crc32 is None
    assert read_first(store, store.stat("source")).sums == block_sums(bytes(PART_BYTES))


def test_a_listing_of_many_pages_goes_on_where_a_page_was_lost(
    store: S3Store, proxy: FaultProxy
) -> None:
    def ask_for_two(params: dict[str, Any], **_: object) -> dict[str, Any]:
        return {**params, "MaxKeys": 2}

    events = store._client.once.meta.events
    events.register("provide-client-params.s3.ListObjectsV2", ask_for_two)
    keys = [f"in/{number}" for number in range(5)]
    for key in keys:
        store.create(key, b"", {})
    lost = Rule(Drop(), ("ListObjectsV2",), skip=1, most=1)
    proxy.set(lost)
    assert [found.key for found in store.list("in/")] == keys
    assert proxy.n_calls["ListObjectsV2"] == 4


def test_every_request_names_the_account_that_the_bucket_belongs_to(
    s3_bucket: str, proxy: FaultProxy
) -> None:
    settings = S3Settings(proxy.endpoint_url, "us-east-1", bucket_owner="123456789012")
    store = S3Store(s3_bucket, settings)
    store.create("key", b"film", {})
    store.create("large", bytes(PART_BYTES), {})
    store.open("key").read()
    assert len(list(store.list(""))) == 2
    assert list(store.unfinished("")) == []
    store.delete("key")
    told = {call.headers.get("x-amz-expected-bucket-owner") for call in proxy.calls}
    assert told == {"123456789012"}
    assert len(proxy.n_calls) >= 8
    assert all(
        "x-amz-expected-bucket-owner" in call.headers["Authorization"] for call in proxy.calls
    )


def test_an_upload_that_fails_half_way_leaves_nothing(
    s3_bucket: str, proxy: FaultProxy, client: Any
) -> None:
    settings = S3Settings(endpoint_url=proxy.endpoint_url, region="us-east-1", tries=1)
    store = S3Store(s3_bucket, settings)
    lost = Rule(Drop(), ("UploadPart",), skip=1, most=1)
    proxy.set(lost)
    with pytest.raises(StoreError, match="UploadPart"):
        store.create("key", bytes(2 * PART_BYTES), {})
    assert proxy.done[lost] == 1
    assert list(store.list("")) == []
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3_bucket)


def test_an_upload_that_loses_the_race_leaves_no_parts(store: S3Store, client: Any) -> None:
    store.create("key", b"first", {})
    with pytest.raises(AlreadyExistsError):
        store.create("key", bytes(PART_BYTES), {})
    assert "Uploads" not in client.list_multipart_uploads(Bucket=store.bucket)


def test_a_wrong_secret_is_denied_access_by_name(
    s3_bucket: str, s3_settings: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = S3Store(s3_bucket, s3_settings)
    for denied in (
        lambda: store.stat("key"),
        lambda: store.create("key", b"", {}),
        lambda: list(store.list("")),
        lambda: store.create("key", bytes(PART_BYTES), {}),
    ):
        with pytest.raises(StoreError, match=rf"s3://{s3_bucket}/.*need s3:") as caught:
            denied()
        assert caught.value.code == "access_denied"


def test_no_credentials_at_all_are_named_as_the_reason(
    s3_bucket: str, s3_settings: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID") as caught:
        S3Store(s3_bucket, s3_settings).stat("key")
    assert caught.value.code == "access_denied"


def test_a_missing_bucket_is_named(s3_bucket: str, s3_settings: S3Settings) -> None:
    store = S3Store(f"{s3_bucket}-not", s3_settings)
    for ask in (lambda: list(store.list("")), lambda: store.create("key", b"", {})):
        with pytest.raises(NotFoundError, match=f"no bucket '{s3_bucket}-not'"):
            ask()


@pytest.mark.usefixtures("s3_bucket")
def test_a_server_that_is_not_there_is_a_store_error(s3_settings: S3Settings) -> None:
    nowhere = dataclasses.replace(s3_settings, endpoint_url="http://127.0.0.1:9", tries=1)
    with pytest.raises(StoreError, match="is S3 reachable"):
        S3Store("bucket", nowhere).stat("key")

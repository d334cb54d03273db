"""What is left by writers that died, in a folder and in a bucket, and what a sweep makes of it."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from shell import Shell

from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.locations import open_store
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.storage.sidecars import META_FOLDER
from fearrefactor.storage.sweep import Leftover, Swept, by_kind, sweep

if TYPE_CHECKING:
    from pathlib import Path

    from s3_server import S3Server

    from fearrefactor.storage.objects import ObjectStore

KEPT = [
    f"night/{place}"
    for place in (
        "detections/a.1.parquet",
        "frames/a.1.parquet",
        "plans/a.2.parquet",
        "review/scratch/b.mp4",
        "runs/n/ledger/1.jsonl",
        "runs/n/videos.parquet",
        "scratches/x",
        "thumbnails/a.2.parquet",
        "videos/a.2.mp4",
        "videos/claims/c.mp4",
    )
] + ["other/scratch/x", "scratch/x"]
LEFT = {"night/scratch/preflight-n-1": b"12", "night/claims/ab/cd": b"345"}


class KilledError(BaseException):
    """In place of a SIGKILL: nothing that handles errors handles it."""


def die(*_: object, **__: object) -> None:
    raise KilledError


def left_half_way(store: ObjectStore, request: pytest.FixtureRequest) -> list[str]:
    """A writer dies before its object is there; the keys of what is left of it."""
    if isinstance(store, FolderStore):
        monkeypatch = pytest.MonkeyPatch()
        with monkeypatch.context() as patched, suppress(KilledError):
            patched.setattr("fearrefactor.storage.folder._link", die)
            patched.setattr("pathlib.Path.unlink", die)  # the dead tidy nothing away
            store.create("night/videos/a.3.mp4", b"half of", {})
        return [str(path.relative_to(store.root)) for path in store.root.rglob(".creating-*")]
    server: S3Server = request.getfixturevalue("s3_server")
    named = {"Bucket": request.getfixturevalue("s3_bucket"), "Key": "night/videos/a.3.mp4"}
    upload = server.client().create_multipart_upload(**named)["UploadId"]
    server.client().upload_part(**named, UploadId=upload, PartNumber=1, Body=b"half of")
    return [named["Key"]]


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"), S3Settings())
    bucket: str = request.getfixturevalue("s3_bucket")
    return open_store(f"s3://{bucket}", request.getfixturevalue("s3_settings"))


def keys(store: ObjectStore) -> list[str]:
    return sorted(found.key for found in store.list(""))


def test_a_sweep_removes_what_is_old_and_passing_and_nothing_else(
    store: ObjectStore, request: pytest.FixtureRequest
) -> None:
    for key in KEPT:
        store.create(key, key.encode(), {"who": "a run"})
    for key, content in LEFT.items():
        store.create(key, content, {})
    [half] = left_half_way(store, request)
    assert [found.key for found in store.unfinished("night/")] == [half]
    assert list(store.unfinished("other/")) == []

    a_while_ago = time.time() - 3600
    assert list(sweep(store, "night/", a_while_ago)) == []
    soon = time.time() + 3600
    told = [
        Leftover("scratch", store.uri("night/scratch/preflight-n-1"), 2),
        Leftover("claims", store.uri("night/claims/ab/cd"), 3),
        Leftover("unfinished", store.uri(half), 7 if isinstance(store, FolderStore) else 0),
    ]
    assert list(sweep(store, "night/", soon, dry_run=True)) == told
    assert keys(store) == sorted([*KEPT, *LEFT])

    assert list(sweep(store, "night/", soon)) == told
    assert keys(store) == sorted(KEPT)
    assert all(store.stat(key).metadata["who"] == "a run" for key in KEPT)
    assert list(store.unfinished("")) == []
    assert list(sweep(store, "night/", soon)) == []
    if isinstance(store, FolderStore):
        assert not list(store.root.rglob(f"{META_FOLDER}/a.3.mp4"))


def test_what_another_has_removed_meanwhile_is_no_error(
    store: ObjectStore, request: pytest.FixtureRequest
) -> None:
    left_half_way(store, request)
    [found] = store.unfinished("night/")
    store.abandon(found)
    store.abandon(found)


def test_an_object_whose_writer_died_before_tidying_up_keeps_its_metadata(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create("film", b"whole", {"who": "me"})
    os.link(tmp_path / "film", tmp_path / ".creating-0")
    [found] = store.unfinished("")
    store.abandon(found)
    assert store.stat("film").metadata["who"] == "me"
    assert not (tmp_path / ".creating-0").exists()


def test_leftovers_are_counted_by_kind() -> None:
    found = [Leftover("scratch", "a", 3), Leftover("claims", "b", 1), Leftover("scratch", "c", 4)]
    assert by_kind(iter(found)) == [Swept("claims", 1, 1), Swept("scratch", 2, 7)]


def test_the_command_removes_what_is_two_days_old_and_says_so(tmp_path: Path) -> None:
    store, shell = FolderStore(tmp_path), Shell()
    for key in ("scratch/old", "scratch/new", "videos/old"):
        store.create(key, b"1234", {})
    three_days_ago = time.time() - 3 * 86400
    for key in ("scratch/old", "videos/old"):
        os.utime(tmp_path / key, (three_days_ago, three_days_ago))
    assert shell("sweep", tmp_path, "--dry-run").out == "would remove 1 scratch, 4 bytes\n"
    told = json.loads(shell("sweep", tmp_path, "--dry-run", "--json").out)
    assert told == {"dry_run": True, "removed": {"scratch": {"n": 1, "bytes": 4}}}
    assert shell("sweep", tmp_path, "--older-than", "73h").out == "nothing to remove\n"
    assert shell("sweep", tmp_path).out == "removed 1 scratch, 4 bytes\n"
    assert keys(store) == ["scratch/new", "videos/old"]


@pytest.mark.parametrize("age", ["0d", "2", "d", "-1d", "1w", "30m"])
def test_an_age_that_is_none_is_refused(tmp_path: Path, age: str) -> None:
    said = Shell()("sweep", tmp_path, f"--older-than={age}")
    assert said.code == 1
    assert "hours or days" in said.err

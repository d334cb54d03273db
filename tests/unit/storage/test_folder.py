from __future__ import annotations

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fearrefactor.errors import AlreadyExistsError, SourceChangedError, StoreError
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.objects import prove_create_only

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "root")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "", "a//b", "./a", "a\0b"])
def test_a_key_that_leaves_the_root_is_refused(store: FolderStore, key: str) -> None:
    for use in (store.stat, store.open, store.delete, lambda key: store.create(key, b"", {})):
        with pytest.raises(StoreError, match="no key of a folder"):
            use(key)
    assert not store.root.exists()


def test_nothing_is_created_through_a_link_out_of_the_root(
    store: FolderStore, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    store.root.mkdir()
    (store.root / "link").symlink_to(outside)
    with pytest.raises(StoreError, match="leads out of"):
        store.create("link/key", b"", {})
    assert list(outside.iterdir()) == []


def test_names_that_the_store_uses_itself_cannot_be_keys(store: FolderStore) -> None:
    for key in (".meta/x", "a/.creating-1"):
        with pytest.raises(StoreError, match="keeps for itself"):
            store.create(key, b"", {})


def test_a_file_where_a_folder_must_be_is_an_error(store: FolderStore) -> None:
    store.create("a", b"", {})
    for key in ("a/b", "a/b/c"):
        with pytest.raises(StoreError) as caught:
            store.create(key, b"", {})
        assert caught.value.code == "store_error"


def test_a_failed_create_leaves_no_file_at_all(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        store.create("a/b", tmp_path / "missing", {})
    store.create("a/c", b"", {})
    with pytest.raises(StoreError):
        store.create("a/c", b"again", {})
    files = [path.name for path in store.root.rglob("*") if path.is_file()]
    assert sorted(files)[1:] == ["c"]
    assert len(files) == 2  # the object and the winner's sidecar


def test_a_file_from_elsewhere_has_no_metadata(store: FolderStore) -> None:
    store.create("key", b"abc", {"who": "store"})
    path = store.root / "key"
    path.unlink()
    path.write_bytes(b"abcdef")
    assert store.stat("key").metadata == {}


def test_a_copy_that_keeps_times_keeps_metadata(store: FolderStore, tmp_path: Path) -> None:
    store.create("a/key", b"abc", {"who": "store"})
    shutil.copytree(store.root, tmp_path / "copy")
    assert FolderStore(tmp_path / "copy").stat("a/key").metadata["who"] == "store"


def test_a_file_overwritten_in_place_while_read_is_a_changed_source(store: FolderStore) -> None:
    store.create("key", b"abc", {})
    reader = store.open("key")
    path = store.root / "key"
    path.write_bytes(b"xyz")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # the clock ticks every 4 ms only
    with pytest.raises(SourceChangedError):
        reader.read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_user_is_access_denied(store: FolderStore) -> None:
    store.create("key", b"abc", {})
    (store.root / "key").chmod(0)
    with pytest.raises(StoreError) as caught:
        store.open("key").read()
    assert caught.value.code == "access_denied"


@given(
    keys=st.sets(
        st.lists(st.text("ab-.0é", min_size=1, max_size=3), min_size=1, max_size=3)
        .filter(lambda parts: not {".", ".."} & set(parts))
        .map("/".join),
        max_size=12,
    ),
    prefix=st.text("ab-/", max_size=3).filter(lambda text: "//" not in text and text[:1] != "/"),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_listing_is_sorted_as_s3_sorts(tmp_path: Path, keys: set[str], prefix: str) -> None:
    kept = {key for key in keys if not any(other.startswith(f"{key}/") for other in keys)}
    root = tmp_path / "listing"
    shutil.rmtree(root, ignore_errors=True)
    for key in kept:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = sorted((key for key in kept if key.startswith(prefix)), key=os.fsencode)
    assert [stat.key for stat in FolderStore(root).list(prefix)] == expected


class CarelessStore(FolderStore):
    """A store that overwrites, as S3 servers do that do not know If-None-Match."""

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        self.delete(key)
        super().create(key, source, metadata)


def test_writers_and_removers_of_one_key_never_meet_half_an_object(store: FolderStore) -> None:
    def write_and_remove(_: int) -> bool:
        with contextlib.suppress(AlreadyExistsError):
            store.create("claims/x", b"mine", {"who": "me"})
            held = store.stat("claims/x").metadata
            store.delete("claims/x")
            return held["who"] == "me"
        return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write_and_remove, range(100))) > 10
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_store_that_overwrites_fails_its_proof(tmp_path: Path) -> None:
    store = CarelessStore(tmp_path)
    with pytest.raises(StoreError, match="does not honour create-only writes"):
        prove_create_only(store, "scratch")
    assert list(store.list("")) == []

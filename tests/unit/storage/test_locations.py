from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fearrefactor.errors import ManifestError
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.locations import Location, locate, locate_prefix, open_store
from fearrefactor.storage.s3 import S3Settings, S3Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uri", "root", "key"),
    [
        ("s3://bucket/a/b.mp4", "s3://bucket", "a/b.mp4"),
        ("S3://bucket/a b+%41?x#y.mp4", "s3://bucket", "a b+%41?x#y.mp4"),
        ("s3://bucket/prefix/", "s3://bucket", "prefix/"),
        ("s3://bucket", "s3://bucket", ""),
        ("/in/a.mp4", "/in", "a.mp4"),
        ("/in/x/../a.mp4", "/in", "a.mp4"),
        ("/in/none/", "/in/none", ""),
        ("file:///in/a%20b.mp4", "/in", "a b.mp4"),
        ("file://localhost/in/a#b?.mp4", "/in", "a#b?.mp4"),
    ],
)
def test_a_uri_becomes_a_store_and_a_key(uri: str, root: str, key: str) -> None:
    assert locate(uri) == Location(root, key)


def test_a_relative_path_counts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("a.mp4") == Location(str(tmp_path), "a.mp4")


def test_a_folder_is_a_prefix_with_or_without_a_slash(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == locate(f"{tmp_path}/") == Location(str(tmp_path), "")
    assert locate(str(tmp_path)).is_prefix


@pytest.mark.parametrize("uri", ["https://host/a.mp4", "gs://b/k", "concat://x", "rtsp://cam"])
def test_an_unknown_scheme_is_named(uri: str) -> None:
    with pytest.raises(ManifestError, match=uri.partition(":")[0]) as caught:
        locate(uri)
    assert caught.value.code == "unknown_scheme"


@pytest.mark.parametrize(
    "uri", ["", "  ", "s3://", "s3:///key", "s3://no spaces/k", "file://host/a", "a\0b", "a\nb"]
)
def test_what_names_no_place_is_a_bad_row(uri: str) -> None:
    with pytest.raises(ManifestError) as caught:
        locate(uri)
    assert caught.value.code == "bad_row"


def test_an_encoded_control_character_is_refused_too() -> None:
    with pytest.raises(ManifestError):
        locate("file:///a%00b")


def test_an_output_is_a_prefix_whether_or_not_it_is_there() -> None:
    assert locate_prefix("s3://bucket/out") == Location("s3://bucket", "out/")
    assert locate_prefix("s3://bucket/out/") == Location("s3://bucket", "out/")
    assert locate_prefix("/no/such") == Location("/no/such", "")


@pytest.mark.parametrize("uri", ["s3://bucket/a/b.mp4", "s3://bucket/p/", "/in/a.mp4", "/"])
def test_a_location_names_itself_by_a_uri_that_leads_back(uri: str) -> None:
    assert locate(locate(uri).uri) == locate(uri)


def test_the_root_decides_which_store_is_opened(tmp_path: Path) -> None:
    settings = S3Settings(region="us-east-1")
    assert isinstance(open_store("s3://bucket", settings), S3Store)
    assert isinstance(open_store(str(tmp_path), settings), FolderStore)

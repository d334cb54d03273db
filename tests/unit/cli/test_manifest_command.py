from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.manifest import default_id
from fearrefactor.storage.manifest_file import manifest_kind, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from s3_server import S3Server
    from shell import Shell


def rows_in(path: Path) -> list[dict[str, object]]:
    kind = manifest_kind(path.name)
    assert kind is not None
    with path.open("rb") as file:
        return [row.values or {} for row in read_rows(file, kind)]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_manifest_of_a_folder_names_every_film_in_it_and_nothing_else(
    shell: Shell, films: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"m{suffix}"
    said = shell("manifest", "build", films, "-o", path)
    assert (said.code, said.out) == (0, f"2 rows written to {path}\n")
    uris = [str(films / "deep" / "green.mp4"), str(films / "red.mp4")]
    assert rows_in(path) == [{"id": default_id(uri), "uri": uri} for uri in uris]


def test_a_manifest_of_a_bucket_names_what_lies_under_the_prefix(
    shell: Shell,
    s3_server: S3Server,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint_url)
    for key in ("in/b.MP4", "in/a/a.mov", "in/a/notes.txt", "inside.mp4", "out/c.mp4"):
        s3_server.client().put_object(Bucket=s3_bucket, Key=key, Body=b"x")
    path = tmp_path / "m.parquet"
    said = shell("manifest", "build", f"s3://{s3_bucket}/in/", "-o", path, "--json")
    assert (said.code, json.loads(said.out)) == (0, {"manifest": str(path), "rows": 2})
    uris = {row["uri"] for row in rows_in(path)}
    assert uris == {f"s3://{s3_bucket}/in/b.MP4", f"s3://{s3_bucket}/in/a/a.mov"}


def test_a_manifest_is_never_written_over_a_file(shell: Shell, films: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("mine", "utf-8")
    said = shell("manifest", "build", films, "-o", path)
    assert said.code == 1
    assert "is already there" in said.err
    assert path.read_text("utf-8") == "mine"


def test_a_manifest_of_another_kind_is_refused(shell: Shell, films: Path, tmp_path: Path) -> None:
    said = shell("manifest", "build", films, "-o", tmp_path / "m.xlsx")
    assert said.code == 1
    assert "expected a name that ends in .jsonl, .csv, .parquet" in said.err


def test_a_folder_without_films_makes_no_manifest(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    said = shell("manifest", "build", tmp_path, "-o", tmp_path / "m.csv")
    assert said.code == 1
    assert "expected videos or images, found 1 other files" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fearrefactor.cli.sources import rows_of
from fearrefactor.errors import InputError, ManifestError
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"uri": "a.mp4", "id": "a", "page": "3"}, {"uri": "b.mp4", "id": "b", "page": "4"}]


def rows(*sources: object) -> list[RawRow]:
    return list(rows_of([str(source) for source in sources], S3Settings()))


def manifest(folder: Path, suffix: str) -> Path:
    path = folder / f"m{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif suffix == ".csv":
        path.write_text("uri,id,page\na.mp4,a,3\nb.mp4,b,4\n", "utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_manifest_of_each_kind_gives_its_rows(tmp_path: Path, suffix: str) -> None:
    assert rows(manifest(tmp_path, suffix)) == [RawRow(1, dict(ROWS[0])), RawRow(2, dict(ROWS[1]))]


def test_a_folder_gives_its_films_and_pictures_at_any_depth(films: Path) -> None:
    assert [row.values for row in rows(films)] == [
        {"uri": str(films / "deep" / "green.mp4")},
        {"uri": str(films / "red.mp4")},
    ]


def test_a_file_that_is_named_is_tried_whatever_its_name_and_whether_it_is_there(
    films: Path,
) -> None:
    named = [films / "notes.txt", films / "nobody.mp4"]
    assert [row.values for row in rows(*named)] == [{"uri": str(path)} for path in named]


def test_rows_of_several_sources_are_numbered_through(films: Path, tmp_path: Path) -> None:
    numbers = [row.number for row in rows(films, manifest(tmp_path, ".csv"), films / "red.mp4")]
    assert numbers == [1, 2, 3, 4, 5]


def test_an_unknown_scheme_is_a_row_that_fails_by_itself() -> None:
    assert [row.values for row in rows("https://host/a.mp4")] == [{"uri": "https://host/a.mp4"}]


def test_a_manifest_is_read_as_its_rows_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"uri": "a"}\n' * 200_000, "utf-8")
    some = rows_of([str(path)], S3Settings())
    assert next(some) == RawRow(1, {"uri": "a"})
    path.write_text("", "utf-8")  # what was not read yet is not there any more
    with pytest.raises(Exception, match="overwritten"):
        list(some)


def test_a_manifest_that_is_not_there_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no manifest .*m\.csv"):
        rows(tmp_path / "m.csv")
    with pytest.raises(InputError, match="expected videos or images, found 0 other files"):
        rows(tmp_path)


def test_a_manifest_without_a_column_uri_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("url,id\na,b\n", "utf-8")
    with pytest.raises(ManifestError, match="no column 'uri'"):
        rows(tmp_path / "m.csv")

"""Manifests as files: rows in, one at a time, whatever their number and whatever is wrong.

A row that cannot be read becomes a row with an error, and reading goes on behind it.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from fearrefactor.errors import ManifestError, StoreError
from fearrefactor.storage.csv_records import csv_records
from fearrefactor.storage.parquet_file import created

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Kind = Literal["jsonl", "csv", "parquet"]
KINDS: dict[str, Kind] = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}
#: A longer line is an error, so that a file without line ends does not fill the memory.
MAX_LINE_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 18
_PARQUET_ROWS = 1024


@dataclass(frozen=True, slots=True)
class RawRow:
    """Row ``number``, counted from 1 without header and blank lines: values, or why there are none.

    Empty CSV cells and Parquet nulls are None. ``error`` is None exactly if ``values`` is not.
    """

    number: int
    values: dict[str, object] | None
    error: str | None = None


def manifest_kind(name: str) -> Kind | None:
    """What kind of manifest a file is by its name; None: it is no manifest."""
    return KINDS.get(PurePath(name).suffix.lower())


def read_rows(reader: BinaryIO, kind: Kind) -> Iterator[RawRow]:
    """The rows of a manifest, read as they are asked for; Parquet needs a seekable ``reader``.

    Raises:
        ManifestError: the file as a whole is unusable: no header, no column ``uri``, no Parquet.
        StoreError: from ``reader``.
    """
    if kind == "parquet":
        return _parquet_rows(reader)
    parsed = _jsonl_rows(reader) if kind == "jsonl" else _csv_rows(reader)
    return (
        RawRow(number, None, said) if isinstance(said, str) else RawRow(number, said)
        for number, said in enumerate(parsed, start=1)
    )


def count_rows(reader: BinaryIO, kind: Kind) -> int:
    """How many rows ``read_rows`` has; only CSV has to be parsed for that.

    Raises:
        ManifestError, StoreError: as ``read_rows``.
    """
    if kind == "parquet":
        return int(_parquet_file(reader).metadata.num_rows)
    if kind == "jsonl":
        return sum(line is None or bool(line.strip()) for line in _lines(reader))
    return sum(1 for _ in _csv_rows(reader))


def _jsonl_rows(reader: BinaryIO) -> Iterator[dict[str, object] | str]:
    for number, line in enumerate(_lines(reader), start=1):
        if line is None:
            yield f"line {number} is longer than {MAX_LINE_BYTES} B"
        elif line.strip():
            yield _parse_json(line, number)


def _parse_json(line: bytes, number: int) -> dict[str, object] | str:
    try:
        values = json.loads(line.decode("utf-8"))
        if b"\\u" in line:  # half of a surrogate pair is JSON, but no text that can be written
            json.dumps(values, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        return f"line {number} is no JSON: {error}"
    if not isinstance(values, dict):
        return f"line {number}: expected a JSON object, got {type(values).__name__}"
    return values


def _csv_rows(reader: BinaryIO) -> Iterator[dict[str, object] | str]:
    records = csv_records(_lines(reader))
    number, header = next(records, (1, "is missing: the manifest is empty"))
    if isinstance(header, str):
        raise ManifestError(f"the CSV header in line {number} {header}")
    names = [name.strip() for name in header]
    _check_columns(names)
    for number, cells in records:
        if isinstance(cells, str):
            yield f"line {number} {cells}"
        else:
            yield dict(zip(names, (cell or None for cell in cells), strict=True))


def _parquet_rows(reader: BinaryIO) -> Iterator[RawRow]:
    number = 0
    file = _parquet_file(reader)
    _check_columns(file.schema_arrow.names)
    for group in range(file.num_row_groups):
        end = number + file.metadata.row_group(group).num_rows
        try:
            for batch in file.iter_batches(_PARQUET_ROWS, row_groups=[group]):
                for values in batch.to_pylist():
                    number += 1
                    yield RawRow(number, values)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            while number < end:
                number += 1
                yield RawRow(number, None, f"row group {group} is damaged: {error}")


def _parquet_file(reader: BinaryIO) -> Any:
    try:
        # A column's pages are read as they are needed, however large the row group.
        return pq.ParquetFile(reader, pre_buffer=False, buffer_size=_CHUNK_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"the manifest is no Parquet file: {error}") from error


def _check_columns(names: list[str]) -> None:
    if "uri" not in names:
        raise ManifestError(f"the manifest has no column 'uri'; it has {names}")
    if len(set(names)) != len(names):
        raise ManifestError(f"the manifest has two columns of one name; it has {names}")


def _lines(reader: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their ends; None for one longer than ``MAX_LINE_BYTES``."""
    rest, too_long = b"", False
    chunk = reader.read(_CHUNK_BYTES).removeprefix(codecs.BOM_UTF8)
    while chunk:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield None if too_long or len(line) > MAX_LINE_BYTES else line
            too_long = False
        if len(rest) > MAX_LINE_BYTES:
            rest, too_long = b"", True
        chunk = reader.read(_CHUNK_BYTES)
    if rest or too_long:
        yield None if too_long else rest


def write_manifest(path: Path, rows: Iterable[Mapping[str, str | int | None]]) -> int:
    """Write rows as the kind that the name says; returns how many there were.

    All rows have the columns of the first one. The file appears when it is whole.

    Raises:
        ManifestError: a name of no known kind, or a row with other columns.
        StoreError: the file cannot be written.
    """
    kind = manifest_kind(path.name)
    if kind is None:
        raise ManifestError(f"{path}: a manifest ends in {', '.join(KINDS)}")
    rest = iter(rows)
    first = next(rest, None)
    columns = {"uri": ""} if first is None else first
    n_rows = 0

    def counted() -> Iterator[Mapping[str, str | int | None]]:
        nonlocal n_rows
        for row in () if first is None else itertools.chain([first], rest):
            if row.keys() != columns.keys():
                raise ManifestError(f"expected columns {list(columns)}, got {list(row)}")
            n_rows += 1
            yield row

    if kind == "parquet":
        _write_parquet(path, counted(), columns)
    else:
        _write_text(path, counted(), list(columns), kind)
    return n_rows


def _write_parquet(
    path: Path,
    rows: Iterator[Mapping[str, str | int | None]],
    columns: Mapping[str, str | int | None],
) -> None:
    schema = pa.schema(
        [
            (name, pa.int64() if isinstance(value, int) else pa.string())
            for name, value in columns.items()
        ]
    )
    with created(path, schema) as write:
        while some := list(itertools.islice(rows, _PARQUET_ROWS * 8)):
            try:
                table = pa.Table.from_pylist(some, schema=schema)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise ManifestError(f"{path}: values of one column differ: {error}") from error
            write(table)


def _write_text(
    path: Path, rows: Iterator[Mapping[str, str | int | None]], columns: list[str], kind: Kind
) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            if kind == "csv":
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            else:
                for row in rows:
                    file.write(json.dumps(dict(row), ensure_ascii=False) + "\n")
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)

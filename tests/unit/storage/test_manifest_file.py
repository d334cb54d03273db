from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.errors import ManifestError
from fearrefactor.storage.csv_records import MAX_RECORD_LINES
from fearrefactor.storage.manifest_file import (
    MAX_LINE_BYTES,
    Kind,
    RawRow,
    count_rows,
    manifest_kind,
    read_rows,
    write_manifest,
)
from fearrefactor.storage.reader import ObjectReader

if TYPE_CHECKING:
    from pathlib import Path

BAD_JSON = [
    b"{",
    b"nonsense",
    b"[1]",
    b'"s3://b/k"',
    b'{"uri": "\xff"}',
    b'{"uri": "\\ud800"}',
    b"[" * 100_000,
    b"\x00",
    b'{"uri": ' + b"1" * 10_000 + b"}",
]
BAD_CSV = [
    b'"never closed',
    b'a,"never closed',
    b"one",
    b"a,b,c",
    b"\xff\xfe,x",
    b'"a"b,c',
]
uris = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=9)


def rows_of(data: bytes, kind: Kind) -> list[RawRow]:
    """As many as ``count_rows`` says, whatever is wrong with them."""
    rows = list(read_rows(io.BytesIO(data), kind))
    assert count_rows(io.BytesIO(data), kind) == len(rows)
    return rows


def good(rows: list[RawRow]) -> list[dict[str, object]]:
    return [row.values for row in rows if row.values is not None]


@given(st.lists(st.one_of(uris.map(lambda uri: {"uri": uri}), st.sampled_from(BAD_JSON))))
def test_bad_json_lines_never_stop_the_good_ones(lines: list[dict[str, str] | bytes]) -> None:
    data = b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )
    rows = rows_of(data, "jsonl")
    assert [row.number for row in rows] == list(range(1, len(lines) + 1))
    for row, line in zip(rows, lines, strict=True):
        assert row.values == (None if isinstance(line, bytes) else line)
        assert (row.error is None) == (row.values is not None)


@given(
    st.lists(
        st.one_of(
            st.tuples(uris.map(lambda uri: uri.replace('"', "")).filter(str.strip), uris),
            st.sampled_from(BAD_CSV),
        )
    )
)
def test_bad_csv_lines_never_stop_the_good_ones(lines: list[tuple[str, str] | bytes]) -> None:
    data = [b"uri,title"]
    for line in lines:
        if isinstance(line, bytes):
            data.append(line)
        else:
            cells = ['"' + cell.replace('"', "") + ' "' for cell in line]
            data.append(",".join(cells).encode())
    rows = rows_of(b"\n".join(data), "csv")
    expected = [
        {"uri": line[0] + " ", "title": line[1].replace('"', "") + " "}
        for line in lines
        if not isinstance(line, bytes)
    ]
    assert good(rows) == expected
    assert sum(row.values is None for row in rows) == len(lines) - len(expected)


def test_quoted_csv_cells_may_hold_commas_quotes_and_lines() -> None:
    data = b'\xef\xbb\xbfuri, title\r\ns3://b/k,"one\r\ntwo, ""three"""\r\nx,\r\n'
    assert good(rows_of(data, "csv")) == [
        {"uri": "s3://b/k", "title": 'one\r\ntwo, "three"'},
        {"uri": "x", "title": None},
    ]


def test_an_unclosed_quote_costs_one_row_of_a_long_file() -> None:
    lines = [b"uri", b'"open', *(b"s3://b/%d" % number for number in range(3 * MAX_RECORD_LINES))]
    rows = rows_of(b"\n".join(lines), "csv")
    assert rows[0].error == "line 2 opens a quote that is not closed"
    assert [row.values for row in rows[1:]] == [
        {"uri": f"s3://b/{number}"} for number in range(3 * MAX_RECORD_LINES)
    ]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_line_without_end_is_an_error_and_not_held_in_memory(kind: Kind) -> None:
    head, line = (b"uri\n", b"x") if kind == "csv" else (b"", b'{"uri": "x"}')
    rows = rows_of(head + b"y" * (3 * MAX_LINE_BYTES) + b"\n" + line, kind)
    assert [row.values for row in rows] == [None, {"uri": "x"}]
    assert "long" in str(rows[0].error)


def test_blank_lines_are_no_rows() -> None:
    rows = rows_of(b'\n{"uri": "a"}\n\n  \r\n{"uri": "b"}\r\n\n', "jsonl")
    assert [(row.number, row.values) for row in rows] == [(1, {"uri": "a"}), (2, {"uri": "b"})]


@pytest.mark.parametrize(
    ("data", "names"), [(b"url,id\nx,y\n", "'url', 'id'"), (b"uri,uri\n", "two"), (b"", "empty")]
)
def test_a_csv_without_a_usable_header_is_refused(data: bytes, names: str) -> None:
    with pytest.raises(ManifestError, match=names):
        rows_of(data, "csv")


def parquet(table: pa.Table, rows_per_group: int) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=rows_per_group, compression="none")
    return out.getvalue()


def test_parquet_rows_come_with_all_their_columns() -> None:
    table = pa.table({"uri": ["a", "b", None], "likes": [1, None, 3]})
    assert [row.values for row in rows_of(parquet(table, 2), "parquet")] == [
        {"uri": "a", "likes": 1},
        {"uri": "b", "likes": None},
        {"uri": None, "likes": 3},
    ]


def test_a_damaged_row_group_costs_its_own_rows_only() -> None:
    names = [f"s3://bucket/{number:06}" for number in range(3000)]
    out = io.BytesIO()
    pq.write_table(
        pa.table({"uri": names}),
        out,
        row_group_size=1000,
        compression="zstd",
        use_dictionary=False,
    )
    data = bytearray(out.getvalue())
    chunk = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(1).column(0)
    start = chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    rows = rows_of(bytes(data), "parquet")
    assert [row.number for row in rows] == list(range(1, 3001))
    assert [row.values for row in rows[:1000]] == [{"uri": name} for name in names[:1000]]
    assert all("row group 1 is damaged" in str(row.error) for row in rows[1000:2000])
    assert [row.values for row in rows[2000:]] == [{"uri": name} for name in names[2000:]]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet at all"])
def test_what_is_no_parquet_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match="no Parquet file"):
        rows_of(data, "parquet")


def test_parquet_without_uri_is_refused_with_the_columns_it_has() -> None:
    with pytest.raises(ManifestError, match="'url'"):
        rows_of(parquet(pa.table({"url": ["a"]}), 1), "parquet")


@pytest.mark.parametrize("name", ["m.jsonl", "m.csv", "m.parquet"])
@pytest.mark.parametrize("n", [0, 1, 20_000])
def test_a_written_manifest_reads_back_through_ranges(tmp_path: Path, name: str, n: int) -> None:
    path = tmp_path / name
    rows = [{"uri": f's3://b/é "{number}", x', "id": f"v{number}"} for number in range(n)]
    assert write_manifest(path, iter(rows)) == n
    data, kind = path.read_bytes(), manifest_kind(name)
    assert kind is not None
    reader = ObjectReader(lambda offset, length: data[offset : offset + length], len(data))
    assert [row.values for row in read_rows(reader, kind)] == rows  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_rows_of_different_columns_leave_no_manifest(tmp_path: Path) -> None:
    for name in ("m.jsonl", "m.csv", "m.parquet"):
        with pytest.raises(ManifestError, match="expected columns"):
            write_manifest(tmp_path / name, [{"uri": "a"}, {"url": "b"}])
    assert list(tmp_path.iterdir()) == []


def test_the_name_says_the_kind(tmp_path: Path) -> None:
    assert manifest_kind("s3://bucket/M.Parquet") == "parquet"
    assert manifest_kind("a/b.jsonl") == "jsonl"
    assert manifest_kind("video.mp4") is None
    with pytest.raises(ManifestError, match=r"\.jsonl"):
        write_manifest(tmp_path / "m.txt", [])

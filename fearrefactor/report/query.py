"""Questions in SQL to what runs have left: read-only, and to nothing else on this machine.

A question is checked against empty tables before any file is fetched; then only files of the tables
that it names are. While it is answered DuckDB can read these files and no others, can reach no
network, and nobody can change that from within a question.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import duckdb

from fearrefactor.errors import InputError
from fearrefactor.report.tables import TABLES, fill, make_empty, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from fearrefactor.report.run_files import RunFiles

#: DuckDB's own command line would fetch an extension that a question has need of.
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
_NUMBERS: Final = {"HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE"} | {
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
}
_ZONED: Final = "TIMESTAMP WITH TIME ZONE"
_ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True)
class Column:
    """Of a table or an answer; ``kind`` is DuckDB's name of its type."""

    name: str
    kind: str

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in _NUMBERS or self.kind.startswith("DECIMAL")


@dataclass(frozen=True)
class Question:
    """A SELECT that can be asked; ``tables`` are those that it names.

    Raises:
        InputError: it is no single SELECT, or names what there is not; the message says where.
    """

    sql: str
    tables: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        with _connected() as connection:
            told = _told(connection, self.sql)
            names = {name.lower() for name in _table_names(told)}
            object.__setattr__(self, "tables", frozenset(names & TABLES.keys()))
            make_empty(connection, frozenset(TABLES))
            _lock(connection, ())
            with _explained({}):
                _prepare(connection, self.sql)


@dataclass(frozen=True)
class Answer:
    """What a question comes to; read it once, by rows or as a file.

    ``result`` is where a file may be written, ``sources`` names the files that are read.
    """

    columns: tuple[Column, ...]
    _connection: DuckDBPyConnection
    _result: Path
    _sources: Mapping[Path, str]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, a few thousand in memory at a time.

        Raises:
            InputError: it cannot be answered, such as by a number that is none, or a damaged file.
        """
        with _explained(self._sources):
            self._connection.execute(_without_zones(self.columns))
            while rows := self._connection.fetchmany(_ROWS_AT_ONCE):
                yield from rows

    def write(self) -> tuple[Path, int]:
        """All rows as a Parquet file, which is gone with the scratch folder, and their number.

        Raises:
            InputError: as ``rows``.
        """
        with _explained(self._sources):
            into = f"'{_quoted(self._result)}' (FORMAT parquet, COMPRESSION zstd)"
            said = rows_of(self._connection, f"COPY answer TO {into}")
        return self._result, int(said[0][0])


@contextlib.contextmanager
def asked(question: Question, files: RunFiles, run_id: str | None = None) -> Iterator[Answer]:
    """The answer over all runs under an output, or over one, for the length of a ``with`` block.

    Raises:
        InputError: there is no such run.
        StoreError: files cannot be read. DiskFullError: there is no room for them.
    """
    with _connected() as connection:
        with _explained({}):
            sources = fill(connection, question.tables, files, run_id)
        # A question may read and write all of where DuckDB spills: nothing else is there.
        spill, result = files.folder / "spill", files.folder / "answer.parquet"
        spill.mkdir()
        rows_of(connection, "SET temp_directory = ?", [str(spill)])
        _lock(connection, (*map(str, sources), str(result)))
        with _explained(sources):
            _prepare(connection, question.sql)
            columns = _columns(connection, "answer")
        yield Answer(columns, connection, result, sources)


def columns_of_tables() -> dict[str, tuple[Column, ...]]:
    """What is in each table."""
    with _connected() as connection:
        make_empty(connection, frozenset(TABLES))
        return {name: _columns(connection, name) for name in TABLES}


@contextlib.contextmanager
def _connected() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(config=_CONFIG) as connection:
        rows_of(connection, "SET TimeZone = 'UTC'")
        yield connection


def _lock(connection: DuckDBPyConnection, paths: tuple[str, ...]) -> None:
    """Let nothing be opened but these files, from now on."""
    rows_of(connection, "SET allowed_paths = ?", [list(paths)])
    rows_of(connection, "SET enable_external_access = false")
    rows_of(connection, "SET lock_configuration = true")


def _told(connection: DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """A SELECT as a tree. Only what reads can be told so: nothing else gets past here."""
    serialized = rows_of(connection, "SELECT json_serialize_sql(?::VARCHAR)", [sql])
    told: dict[str, Any] = json.loads(serialized[0][0])
    if told.get("error_type") == "parser":
        with _explained({}):
            connection.extract_statements(f"\n{sql}")  # says where, a line too far as all do
    if told["error"]:
        raise InputError(f"only questions can be asked, that is a SELECT: {told['error_message']}")
    if len(told["statements"]) != 1:
        n = len(told["statements"])
        raise InputError(f"expected one SELECT, got {n} statements; ask one question at a time")
    return told


def _table_names(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if tree.get("type") == "BASE_TABLE":
            yield tree["table_name"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _table_names(branch)


def _prepare(connection: DuckDBPyConnection, sql: str) -> None:
    """Make the view ``answer``: one statement whatever comment or semicolon the question ends in.

    On a line of its own, so that messages quote it as it was written.
    """
    rows_of(connection, f"CREATE TEMP VIEW answer AS\n{sql}")


def _columns(connection: DuckDBPyConnection, table: str) -> tuple[Column, ...]:
    described = rows_of(connection, f"DESCRIBE {table}")
    return tuple(Column(name, kind) for name, kind, *_ in described)


def _without_zones(columns: tuple[Column, ...]) -> str:
    """Times as UTC: Python takes those with a zone only with one more library."""
    names = ['"' + column.name.replace('"', '""') + '"' for column in columns]
    selected = [
        f"make_timestamp(epoch_us({name})) AS {name}" if column.kind == _ZONED else name
        for name, column in zip(names, columns, strict=True)
    ]
    return f"SELECT {', '.join(selected)} FROM answer"  # noqa: S608 - quoted


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextlib.contextmanager
def _explained(sources: Mapping[Path, str]) -> Iterator[None]:
    """DuckDB's errors as ours, with places as they were named and lines as they were written."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        for path, uri in sources.items():
            if str(path) in text:
                text = text.replace(str(path), uri)
        text = re.sub(r"\bLINE (\d+):", lambda found: f"LINE {int(found[1]) - 1}:", text)
        raise InputError(f"this cannot be answered: {text}") from error

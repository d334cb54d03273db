"""The tables that questions are asked of: what is in each, and from which files of a run it comes.

Times are UTC. The columns of a log come as they are in its file, behind ``run_id``, ``row`` and
``id`` of the row of ``videos`` that names the file: what no row names is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fearrefactor.core.code_meanings import MEANINGS
from fearrefactor.core.codes import MAY_BE_RETRIED
from fearrefactor.core.identity import thumbnails_key
from fearrefactor.storage import detection_log, frame_log, plan_log, report_log, thumbnail_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from fearrefactor.report.run_files import ReportedRun, RunFiles

#: What each table has a row for.
TABLES: Final = {
    "runs": "a row for each run; its night is the day (UTC) on which it began",
    "videos": "a row for each row of the manifest, in each run",
    "detections": "a row for each thing that was seen in a frame",
    "plans": "a row for each region that was masked in a frame",
    "frames": "a row for each frame",
    "thumbnails": "a row for each small picture of a result",
    "codes": "a row for each code that a video may have: what it means, what to do",
}
_RUN_COLUMNS: Final = {
    "run_id": "VARCHAR",
    "night": "DATE",
    "began_at": "TIMESTAMP",
    "ended_at": "TIMESTAMP",
    "uri": "VARCHAR",
    "shard": "VARCHAR",
    "model": "VARCHAR",
    "model_sha256": "VARCHAR",
    "policies": "MAP(VARCHAR, VARCHAR)",
    "settings": "MAP(VARCHAR, VARCHAR)",
    "drivers": "BIGINT",
    "lost_processes": "BIGINT",
}
#: Each with the column of ``videos`` by which its files are found.
_LOGS: Final[dict[str, tuple[Any, str]]] = {
    "detections": (detection_log.SCHEMA, "detections_key"),
    "plans": (plan_log.SCHEMA, "plan_key"),
    "frames": (frame_log.SCHEMA, "detections_key"),
    "thumbnails": (thumbnail_log.SCHEMA, "plan_key"),
}
_CODE_COLUMNS: Final = {
    "code": "VARCHAR",
    "meaning": "VARCHAR",
    "what_to_do": "VARCHAR",
    "may_be_retried": "BOOLEAN",
}
_OF_ROW: Final = {"run_id": "VARCHAR", "row": "BIGINT", "id": "VARCHAR"}


class _Named(NamedTuple):
    """A log's whole key, and the row that names it; ``work_id`` is of the result."""

    run_id: str
    row: int
    id: str
    key: str
    work_id: str | None


def make_empty(connection: DuckDBPyConnection, names: frozenset[str]) -> None:
    """Make tables without rows, by which a question is checked before anything is fetched."""
    for name in names:
        if name == "runs":
            rows_of(connection, f"CREATE TABLE runs({_declared(_RUN_COLUMNS)})")
        elif name == "codes":
            rows_of(connection, f"CREATE TABLE codes({_declared(_CODE_COLUMNS)})")
        elif name == "videos":
            _make_empty(connection, "videos", {"run_id": "VARCHAR", "night": "DATE"})
        else:
            _make_empty(connection, name, _OF_ROW)


def rows_of(connection: DuckDBPyConnection, sql: str, told: object = None) -> list[tuple[Any, ...]]:
    """What a statement comes to; DuckDB does nothing else before it has all been fetched."""
    return connection.execute(sql, told).fetchall()


def fill(
    connection: DuckDBPyConnection, names: frozenset[str], files: RunFiles, run_id: str | None
) -> dict[Path, str]:
    """Make the tables ``names`` over all runs, or over one; answers their files, with the uri.

    Raises:
        InputError: there is no such run.
        StoreError: files cannot be read. DiskFullError: there is no room for them.
    """
    if not names:
        return {}
    runs = files.runs(run_id)
    sources = {run.path: f"{run.uri}/videos.parquet" for run in runs}
    if "codes" in names:
        _fill_codes(connection)
    _fill_videos(connection, runs)
    for name in sorted(names & _LOGS.keys()):
        wanted = _logs_of(connection, name, files)
        here = files.fetch({log.key for log in wanted})
        sources |= {path: files.store.uri(key) for key, path in here.items()}
        n_gone = sum(log.key not in here for log in wanted)
        if n_gone:
            files.say(f"{name}: {n_gone} of {len(wanted)} files are not there any more: left out")
        _fill_log(connection, name, [log for log in wanted if log.key in here], here)
    return sources


def _fill_videos(connection: DuckDBPyConnection, runs: Sequence[ReportedRun]) -> None:
    """Tables ``runs`` and ``videos``."""
    rows_of(connection, f"CREATE TABLE runs({_declared(_RUN_COLUMNS)})")
    rows_of(connection, "CREATE TABLE files_of_videos(run_id VARCHAR, file VARCHAR)")
    for run in runs:
        rows_of(
            connection, "INSERT INTO files_of_videos VALUES (?, ?)", [run.run_id, str(run.path)]
        )
    columns = _given(connection, report_log.SCHEMA)
    rows_of(
        connection,
        f"CREATE VIEW videos AS SELECT run_id, night, {columns} "  # noqa: S608 - names of ours
        f"FROM {_parquet(connection, 'videos')} JOIN files_of_videos USING (file) "
        "JOIN (SELECT run_id, night FROM runs) USING (run_id)",
    )
    for run in runs:
        _add_run(connection, run)


def _add_run(connection: DuckDBPyConnection, run: ReportedRun) -> None:
    facts = run.facts
    policies = {digest: policy.name for digest, policy in facts.policies.items()}
    times = [
        None if t is None else t.replace(tzinfo=None) for t in (facts.began_at, facts.ended_at)
    ]
    begun = times[0] or times[1]
    maps = [part for told in (policies, facts.settings) for part in (list(told), [*told.values()])]
    rows_of(
        connection,
        "INSERT INTO runs VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, map(?::VARCHAR[], ?::VARCHAR[]), "
        "map(?::VARCHAR[], ?::VARCHAR[]), ?, ?)",
        [
            *(run.run_id, begun and begun.date(), *times, run.uri, facts.shard),
            *(facts.model, facts.model_sha256, *maps, facts.drivers, facts.lost_processes),
        ],
    )


def _fill_codes(connection: DuckDBPyConnection) -> None:
    make_empty(connection, frozenset({"codes"}))
    rows = [
        [code, told.meaning, told.what_to_do, MAY_BE_RETRIED.get(code)]
        for code, told in MEANINGS.items()
    ]
    for row in rows:
        rows_of(connection, "INSERT INTO codes VALUES (?, ?, ?, ?)", row)


def _logs_of(connection: DuckDBPyConnection, name: str, files: RunFiles) -> list[_Named]:
    """The logs of one kind that rows name, there or not."""
    column = _LOGS[name][1]
    # A result in which nothing is masked has no pictures.
    where = f"{column} IS NOT NULL" + (" AND n_masked_frames > 0" if name == "thumbnails" else "")
    sql = f"SELECT run_id, row, id, {column}, work_id FROM videos WHERE {where}"  # noqa: S608
    found = [_Named(*row) for row in rows_of(connection, sql)]
    if name == "thumbnails":
        return [log._replace(key=_pictures_of(log, files.prefix)) for log in found]
    if name == "frames":  # which its detections name, and no column does
        told = files.told({log.key for log in found}, "frames-key")
        return [log._replace(key=files.prefix + told.get(log.key, "frames/?")) for log in found]
    return found


def _pictures_of(plan: _Named, prefix: str) -> str:
    """The key of a result's pictures; a plan that found its name taken has one that is longer."""
    work_id = plan.work_id or ""
    row_key, _, _ = plan.key.removeprefix(f"{prefix}plans/").rpartition(f".{work_id[:8]}.")
    return prefix + thumbnails_key(row_key, work_id)


def _fill_log(
    connection: DuckDBPyConnection, name: str, logs: Sequence[_Named], here: Mapping[str, Path]
) -> None:
    """The table of a log, of files that are ``here``."""
    if not logs:
        make_empty(connection, frozenset({name}))
        return
    rows_of(connection, f"CREATE TABLE files_of_{name}({_declared(_OF_ROW)}, file VARCHAR)")
    rows = [(log.run_id, log.row, log.id, str(here[log.key])) for log in logs]
    parts = [list(part) for part in zip(*rows, strict=True)]
    rows_of(
        connection,
        f"INSERT INTO files_of_{name} SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
        parts,
    )
    columns = _given(connection, _LOGS[name][0])
    rows_of(
        connection,
        f"CREATE VIEW {name} AS SELECT run_id, row, id, {columns} "  # noqa: S608 - names of ours
        f"FROM {_parquet(connection, name)} JOIN files_of_{name} USING (file)",
    )


def _parquet(connection: DuckDBPyConnection, name: str) -> str:
    """All files of a table, each row with its ``file``."""
    rows_of(
        connection,
        f"SET VARIABLE files_of_{name} = (SELECT list(DISTINCT file) FROM files_of_{name})",  # noqa: S608
    )
    return f"read_parquet(getvariable('files_of_{name}'), filename = 'file')"


def _make_empty(connection: DuckDBPyConnection, name: str, front: dict[str, str]) -> None:
    schema = report_log.SCHEMA if name == "videos" else _LOGS[name][0]
    typed = ", ".join(f"NULL::{kind} AS {column}" for column, kind in front.items())
    columns = _given(connection, schema)
    sql = f"CREATE TABLE {name} AS SELECT {typed}, {columns} FROM given LIMIT 0"  # noqa: S608
    rows_of(connection, sql)


def _given(connection: DuckDBPyConnection, schema: Any) -> str:
    """The columns of a schema as a SELECT names them; without rows they are in ``given``."""
    connection.register("given", schema.empty_table())
    columns = []
    for name, kind, *_ in rows_of(connection, "DESCRIBE given"):
        if name != "video_id":  # it is the row's id
            # Times with a zone can only be told with one more library.
            is_zoned = kind == "TIMESTAMP WITH TIME ZONE"
            told = f'make_timestamp(epoch_us("{name}"))' if is_zoned else f'"{name}"'
            columns.append(f'{told} AS "{name}"')
    return ", ".join(columns)


def _declared(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())

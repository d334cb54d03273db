"""``videos.parquet``: a row per manifest row, written as the videos are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pydantic import ValidationError

from fearrefactor.core.run_facts import RunFacts
from fearrefactor.errors import StoreError
from fearrefactor.storage.parquet_file import created, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

#: Rows held in memory before they go to the file together.
ROWS_PER_GROUP = 1024
#: Under this key of the file's metadata stand the ``RunFacts``, as JSON.
_FACTS: Final = "run"

#: The fields of ``core.report.VideoReport``. ``row`` is 1-based in the manifest, ``seconds`` is
#: wall time by stage, ``extra`` holds the manifest's further columns.
SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("uri", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("code", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("reused", pa.bool_(), nullable=False),
        pa.field("detections_reused", pa.bool_(), nullable=False),
        pa.field("n_model_frames", pa.int64(), nullable=False),
        pa.field("audit", pa.string(), nullable=False),
        pa.field("n_audited_frames", pa.int64(), nullable=False),
        pa.field("n_leaks", pa.int64(), nullable=False),
        pa.field("input_sha256", pa.string()),
        pa.field("input_bytes", pa.int64()),
        pa.field("output_key", pa.string()),
        pa.field("output_sha256", pa.string()),
        pa.field("output_bytes", pa.int64()),
        pa.field("detections_key", pa.string()),
        pa.field("detections_sha256", pa.string()),
        pa.field("plan_key", pa.string()),
        pa.field("plan_sha256", pa.string()),
        pa.field("n_frames", pa.int64()),
        pa.field("n_masked_frames", pa.int64()),
        pa.field("n_rendered_frames", pa.int64()),
        pa.field("n_detections", pa.int64()),
        pa.field("duration_s", pa.float64()),
        pa.field("seconds", pa.map_(pa.string(), pa.float64())),
        pa.field("model", pa.string()),
        pa.field("model_sha256", pa.string()),
        pa.field("policy", pa.string()),
        pa.field("policy_digest", pa.string()),
        pa.field("detect_id", pa.string()),
        pa.field("work_id", pa.string()),
        pa.field("versions", pa.map_(pa.string(), pa.string())),
        pa.field("notes", pa.list_(pa.string())),
        pa.field("extra", pa.map_(pa.string(), pa.string())),
        pa.field("ended_at", pa.timestamp("us", tz="UTC")),
    ]
)
_MAPS = tuple(field.name for field in SCHEMA if pa.types.is_map(field.type))


class ReportWriter:
    """Writes reports to ``path``, which appears when the ``with`` block ends well.

    At most ``ROWS_PER_GROUP`` rows are held.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._told: dict[str, str] = {}
        self._file = created(path, SCHEMA, self._told)

    def __enter__(self) -> Self:
        self._write_table = self._file.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self._flush()
            except BaseException as failed:
                self._file.__exit__(type(failed), failed, failed.__traceback__)
                raise
        self._file.__exit__(kind, error, trace)

    def tell(self, facts: RunFacts) -> None:
        """Say what the rows do not; before the ``with`` block ends, the last word counts."""
        self._told[_FACTS] = facts.model_dump_json()

    def write(self, report: Mapping[str, Any]) -> None:
        """Add one report: a value for each field of ``SCHEMA``.

        Raises:
            ValueError: fields are missing or unknown, or a value is of another type.
            StoreError: the file cannot be written.
        """
        if report.keys() != set(SCHEMA.names):
            odd = sorted(report.keys() ^ set(SCHEMA.names))
            msg = f"expected the fields of videos.parquet, these differ: {', '.join(odd)}"
            raise ValueError(msg)
        maps = {name: list((report[name] or {}).items()) for name in _MAPS}
        self._rows.append({**report, **maps})
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        try:
            table = pa.Table.from_pylist(rows, schema=SCHEMA)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"{self._path}: a report does not fit its schema: {error}") from error
        self._write_table(table)


def read_reports(path: Path) -> Iterator[dict[str, Any]]:
    """The reports as they were written, a row group in memory at a time.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
            for row in batch.to_pylist():
                yield {**row, **{name: dict(row[name]) for name in _MAPS}}


def read_facts(path: Path) -> RunFacts:
    """What the run was asked, and when.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, is not such a file, or nothing was told of its run.
    """
    with opened(path, SCHEMA) as file:
        said = (file.metadata.metadata or {}).get(_FACTS.encode())
    if said is None:
        raise StoreError(
            f"{path}: its metadata lacks {_FACTS!r}; expected what the run was asked, as 'mask', "
            "'render' and 'reconcile' write it"
        )
    try:
        return RunFacts.model_validate_json(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise StoreError(
            f"{path}: what its metadata tells of the run cannot be read: {first['msg']} at "
            f"{first['loc']}"
        ) from error

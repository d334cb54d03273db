"""Parquet files that are either whole or not there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fearrefactor.errors import DiskFullError, NotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path


#: Few enough that a long film's rows are not all Python objects at once.
ROWS_PER_GROUP = 1 << 13
#: Names that repeat.
NAME = pa.dictionary(pa.int32(), pa.string())
#: Which video and when; ``time_s`` counts from the zero of the source's clock.
MOMENT = (
    pa.field("video_id", pa.string(), nullable=False),
    pa.field("frame", pa.int64(), nullable=False),
    pa.field("pts", pa.int64(), nullable=False),
    pa.field("time_s", pa.float64(), nullable=False),
)
#: ``mask_rle``: COCO's compressed counts of a mask of ``mask_height`` × ``mask_width`` over the
#: whole upright frame.
MASK = (
    pa.field("mask_rle", pa.string(), nullable=False),
    pa.field("mask_height", pa.int32(), nullable=False),
    pa.field("mask_width", pa.int32(), nullable=False),
)


@contextlib.contextmanager
def created(
    path: Path, schema: Any, last_words: Mapping[str, str] | None = None
) -> Iterator[Callable[[Any], None]]:
    """A function that adds a table to ``path``, which appears when the block ends well.

    Each call makes row groups of its own. ``last_words`` is metadata that is known only then: what
    is in it at the end. The same tables in the same order give the same bytes.

    Raises:
        StoreError: it cannot be written (no such folder); DiskFullError; nothing is left.
    """
    # A writer makes a valid footer whenever it is closed, also by the garbage collector after an
    # exception: rows that are missing would not be missed. Hence the other name until the end.
    partial = path.with_name(f"{path.name}.partial")
    with _explained(path, "written"):
        writer = pq.ParquetWriter(partial, schema, compression="zstd")

    def write(table: Any) -> None:
        with _explained(path, "written"):
            writer.write_table(table)

    try:
        yield write
        with _explained(path, "written"):
            if last_words:
                writer.add_key_value_metadata(last_words)
            writer.close()
            partial.replace(path)
    finally:
        with contextlib.suppress(pa.ArrowException, OSError):
            writer.close()
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(path: Path, schema: Any) -> Iterator[Any]:
    """A ``ParquetFile`` whose columns are those of ``schema``.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is no Parquet file, is damaged, or is another kind of table.
    """
    with _explained(path, "read as Parquet"), pq.ParquetFile(path) as file:
        found = file.schema_arrow
        if found.names != schema.names or found.types != schema.types:
            raise StoreError(f"{path}: expected columns {schema.names}, got {found.names}")
        yield file


def metadata_of(file: Any, path: Path, keys: Collection[str]) -> dict[str, str]:
    """The values that a ``ParquetFile`` holds under ``keys``; ``path`` is for messages.

    Raises:
        StoreError: some are missing, or are no text.
    """
    raw = file.schema_arrow.metadata or {}
    missing = [key for key in keys if key.encode() not in raw]
    if missing:
        raise StoreError(f"{path} is no such file: its metadata lacks {', '.join(missing)}")
    try:
        return {key: raw[key.encode()].decode() for key in keys}
    except UnicodeDecodeError as error:
        raise StoreError(f"{path}: its metadata is no text: {error}") from error


@contextlib.contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: there is no such file or folder") from error
    except (pa.ArrowException, OSError) as error:
        kind = DiskFullError if DiskFullError.is_meant_by(error) else StoreError
        raise kind(f"{path} cannot be {what}: {error}") from error

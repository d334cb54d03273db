"""``frames.parquet`` of an evaluation: a row for each annotated frame and way of masking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fearrefactor.storage.parquet_file import created

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: ``masking`` is ``single`` or ``plan``; areas are pixels; ``recall`` is null without an object.
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("masking", pa.string(), nullable=False),
        pa.field("picture_px", pa.int64(), nullable=False),
        pa.field("object_px", pa.int64(), nullable=False),
        pa.field("masked_px", pa.int64(), nullable=False),
        pa.field("hit_px", pa.int64(), nullable=False),
        pa.field("j", pa.float64(), nullable=False),
        pa.field("recall", pa.float64()),
        pa.field("exposed", pa.bool_(), nullable=False),
    ]
)


def write_scores(path: Path, columns: Iterable[Mapping[str, Any]]) -> None:
    """Write tables of columns, one after the other, a value of each field of ``SCHEMA`` a row.

    Raises:
        StoreError: the file cannot be written; nothing is left of it.
    """
    with created(path, SCHEMA) as write:
        for part in columns:
            write(pa.table(dict(part), schema=SCHEMA))

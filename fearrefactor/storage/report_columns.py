"""``videos.parquet`` by columns and by single rows: for runs of a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fearrefactor.storage.parquet_file import opened
from fearrefactor.storage.report_log import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_MAPS = frozenset(field.name for field in SCHEMA if pa.types.is_map(field.type))


def read_columns(path: Path, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
    """Columns as arrays ``(n,)``, a row group at a time; null is NaN, in texts ``None``.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=list(names))
            yield {name: table[name].to_numpy() for name in names}


def sum_of_seconds(path: Path) -> dict[str, float]:
    """Worker seconds by stage, summed over all rows, in the order of the alphabet.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    total: dict[str, float] = {}
    with opened(path, SCHEMA) as file:
        for group in range(file.num_row_groups):
            for chunk in file.read_row_group(group, columns=["seconds"])["seconds"].chunks:
                by_stage = pa.table({"stage": chunk.keys, "s": chunk.items}).group_by("stage")
                for row in by_stage.aggregate([("s", "sum")]).to_pylist():
                    total[row["stage"]] = total.get(row["stage"], 0.0) + row["s_sum"]
    return dict(sorted(total.items()))


def positions_of(path: Path, ids: Sequence[str]) -> NDArray[np.int64]:
    """Where in the file the rows with these ids are, ``(n,)``, ascending.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    wanted = pa.array(ids, pa.string())
    found = [np.empty(0, np.int64)]
    first = 0
    with opened(path, SCHEMA) as file:
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=["id"])["id"]
            found.append(first + np.flatnonzero(pc.is_in(column, value_set=wanted).to_numpy()))
            first += len(column)
    return np.concatenate(found)


def read_rows(
    path: Path, positions: NDArray[np.int64], names: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The reports at ascending ``positions`` in the file, all of their fields or those named.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        first = 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            begin, stop = np.searchsorted(positions, [first, end])
            if begin < stop:
                columns = None if names is None else list(names)
                table = file.read_row_group(group, columns=columns)
                for row in table.take(positions[begin:stop] - first).to_pylist():
                    yield {**row, **{name: dict(row[name] or ()) for name in _MAPS & row.keys()}}
            first = end

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from fearrefactor.errors import StoreError
from fearrefactor.storage.score_log import SCHEMA, write_scores

if TYPE_CHECKING:
    from pathlib import Path


def columns(name: str, recall: float | None) -> dict[str, Any]:
    return {
        "sequence": [name],
        "frame": [3],
        "masking": ["plan"],
        "picture_px": [100],
        "object_px": [10],
        "masked_px": [12],
        "hit_px": [9],
        "j": [9 / 13],
        "recall": [recall],
        "exposed": [False],
    }


def test_rows_come_back_in_order_with_null_where_there_is_no_recall(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    write_scores(path, [columns("dog", 0.9), columns("swan", None)])
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert table["sequence"].to_pylist() == ["dog", "swan"]
    assert table["recall"].to_pylist() == [0.9, None]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"frames\.parquet: there is no such file or folder"):
        write_scores(tmp_path / "none" / "frames.parquet", [])

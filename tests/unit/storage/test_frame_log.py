from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_stages import make_index

from fearrefactor.core.scenes import SKETCH
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.storage import frame_log
from fearrefactor.storage.frame_log import read_frames, write_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def sketches(n: int = 24) -> NDArray[np.uint8]:
    return np.random.default_rng(n).integers(0, 256, (n, SKETCH), np.uint8)


def checksums(n: int = 24) -> NDArray[np.uint32]:
    return np.random.default_rng(n).integers(0, 1 << 32, n, np.uint32)


def write(path: Path, sketch: NDArray[np.uint8], n_checksums: int = 24) -> Path:
    named = {"video_id": "clip", "detect_id": "ef" * 32}
    write_frames(path, sketch, checksums(n_checksums), index=make_index(24), **named)
    return path


@pytest.mark.parametrize("rows_per_group", [5, 24, 1 << 16])
def test_sketches_checksums_and_times_come_back_to_the_bit(
    tmp_path: Path, rows_per_group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "ROWS_PER_GROUP", rows_per_group)
    found, told, pts, said = read_frames(write(tmp_path / "f.parquet", sketches()))
    np.testing.assert_array_equal(found, sketches())
    np.testing.assert_array_equal(told, checksums())
    assert (found.dtype, told.dtype) == (np.uint8, np.uint32)
    assert pts.tolist() == list(range(24))
    assert (said["video_id"], said["detect_id"], said["n_frames"]) == ("clip", "ef" * 32, "24")


def test_the_same_sketches_are_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", sketches()), write(tmp_path / "2", sketches())
    assert one.read_bytes() == two.read_bytes()


def test_duckdb_reads_a_row_for_each_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", sketches())
    found = duckdb.read_parquet(str(path)).select("frame, time_s, octet_length(sketch)").fetchall()
    assert found == [(frame, frame / 24, SKETCH) for frame in range(24)]


@pytest.mark.parametrize("n", [0, 23, 25])
def test_a_frame_without_a_sketch_is_never_logged(tmp_path: Path, n: int) -> None:
    with pytest.raises(ValueError, match="expected sketches"):
        write(tmp_path / "f.parquet", sketches(n))
    with pytest.raises(ValueError, match="expected checksums"):
        write(tmp_path / "f.parquet", sketches(), n_checksums=n)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_lacks_frames_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", sketches())
    pq.write_table(pq.read_table(path).slice(0, 23), path)
    with pytest.raises(StoreError, match="expected frames 0 to 24, got 23 rows"):
        read_frames(path)


def test_a_damaged_file_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", sketches())
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(StoreError, match=r"f\.parquet"):
        read_frames(path)
    with pytest.raises(NotFoundError):
        read_frames(tmp_path / "none.parquet")

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lamp_clips import clip
from ray_head import RayHead

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_folder_is_done_by_a_cluster_that_was_there_before(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(3):
        (films / f"{number}.mp4").write_bytes(clip({"red": range(12)}, 12, seed=number))
    with RayHead(tmp_path, {}) as head:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "fearrefactor"),
                *("mask", str(films), "--output", str(tmp_path / "out"), "--classes", "dog"),
                *("--ray-address", head.address, "--workers", "1", "--run-id", "run"),
            ],
            env=dict(head.environment),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    reports = pq.read_table(tmp_path / "out" / "runs" / "run" / "videos.parquet").to_pylist()
    assert [report["outcome"] for report in reports] == ["clean"] * 3

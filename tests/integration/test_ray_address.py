from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lamp_clips import clip
from ray_head import RayHead
from scraped import Values, scraped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_folder_is_done_by_a_cluster_that_was_there_before(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(3):
        (films / f"{number}.mp4").write_bytes(clip({"red": range(12)}, 12, seed=number))
    with RayHead(tmp_path, {"RAY_metrics_report_interval_ms": "1000"}) as head:
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
        ended = ("ray_fearrefactor_videos_total", "code=", "outcome=clean", "run=run")
        values = scraped(head.metrics_url, lambda found: found.get(ended) == 3)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    reports = pq.read_table(tmp_path / "out" / "runs" / "run" / "videos.parquet").to_pylist()
    assert [report["outcome"] for report in reports] == ["clean"] * 3
    assert values[ended] == 3
    _is_what_the_report_says(values, reports)


def _is_what_the_report_says(values: Values, reports: list[dict[str, Any]]) -> None:
    def counted(name: str, *labels: str) -> float:
        return values[(f"ray_fearrefactor_{name}", "run=run", *labels)]

    def told(column: str) -> int:
        return sum(report[column] for report in reports)

    assert counted("video_frames_total") == told("n_frames") == 36
    assert counted("input_bytes_total") == told("input_bytes")
    assert counted("output_bytes_total") == told("output_bytes")
    assert counted("frames_total", "stage=detect") == told("n_frames")
    for stage in ("index", "detect", "assemble", "verify", "publish"):
        seconds = sum(dict(report["seconds"])[stage] for report in reports)
        assert counted("stage_seconds_total", f"stage={stage}") == pytest.approx(seconds, abs=0.01)
    n_looked_at = counted("model_frame_seconds_count")
    assert n_looked_at >= told("n_model_frames")  # it was shown its test picture, too
    assert values["ray_fearrefactor_model_batch_seconds_bucket", "le=+Inf", "run=run"] >= 3

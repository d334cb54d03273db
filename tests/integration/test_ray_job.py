from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pyarrow.parquet as pq
import pytest
from ray_head import RayHead
from scraped import Values, scraped

if TYPE_CHECKING:
    import subprocess

    from s3_server import S3Server

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "odd" / "gen"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CLIPS.is_dir(), reason="needs the real clips of ../shared/data"),
]
ROWS = [
    {"id": "walk", "uri": "base_2997.mp4", "shift": "night"},
    {"id": "portrait", "uri": "rotate90_display_matrix.mp4"},
    {"id": "missing", "uri": "nobody-uploaded-this.mp4"},
    {"id": "empty", "uri": "zero_bytes.mp4"},
    {"id": "walk", "uri": "vfr.mp4"},
    {"id": "uneven", "uri": "vfr.mp4"},
]


def test_a_manifest_on_s3_is_done_by_a_ray_job_and_each_bad_row_has_its_reason(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path
) -> None:
    client = s3_server.client()
    for name in {row["uri"] for row in ROWS if (CLIPS / row["uri"]).exists()}:
        client.upload_file(str(CLIPS / name), s3_bucket, f"in/{name}")
    lines = [json.dumps({**row, "uri": f"s3://{s3_bucket}/in/{row['uri']}"}) for row in ROWS]
    client.put_object(Bucket=s3_bucket, Key="tonight.jsonl", Body="\n".join(lines).encode())
    environment = {
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        "AWS_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "RAY_metrics_report_interval_ms": "1000",
    }
    with RayHead(tmp_path, environment) as head:
        job = _submit(head, s3_bucket, "night-1")
        again = _submit(head, s3_bucket, "night-2", "--log-format", "json")
        reused = ("ray_fearrefactor_videos_reused_total", "run=night-2")
        values = scraped(head.metrics_url, lambda found: found.get(reused) == 3)

    assert "exit code 2" in job.stdout + job.stderr, job.stdout[-3000:] + job.stderr[-3000:]
    reports = _reports(client, s3_bucket, "night-1", tmp_path)
    assert [(r["outcome"], r["code"]) for r in reports] == [
        ("masked", None),
        ("masked", None),
        ("failed", "not_found"),
        ("failed", "empty_file"),
        ("failed", "duplicate_id"),
        ("masked", None),
    ]
    assert dict(reports[0]["extra"]) == {"shift": "night"}
    for report, row in zip(reports, ROWS, strict=True):
        if report["outcome"] == "masked":
            _is_whole(client, s3_bucket, report, CLIPS / row["uri"], tmp_path)
    assert _keys(client, s3_bucket, "out/videos/") == sorted(
        r["output_key"] for r in reports if r["output_key"]
    )
    assert _keys(client, s3_bucket, "out/scratch/") == []
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3_bucket)

    assert "exit code 2" in again.stdout + again.stderr
    second = _reports(client, s3_bucket, "night-2", tmp_path)
    assert [r["reused"] for r in second] == [r["outcome"] == "masked" for r in reports]
    assert [r["output_sha256"] for r in second] == [r["output_sha256"] for r in reports]
    assert _ends_in(again.stdout + again.stderr) == {
        (r["row"], r["id"], r["outcome"]) for r in second
    }

    assert values[reused] == 3
    _is_counted(values, "night-1", reports)
    _is_counted(values, "night-2", second)
    for stage, column in (("render", "n_rendered_frames"), ("audit", "n_audited_frames")):
        n_frames = values["ray_fearrefactor_frames_total", "run=night-1", f"stage={stage}"]
        assert n_frames == sum(r[column] or 0 for r in reports)


def _ends_in(log: str) -> set[tuple[int, str, str]]:
    """Row, video and outcome of the lines that tell of an end; each line of the run is whole."""
    lines = [json.loads(line) for line in log.splitlines() if '"run": "night-2"' in line]
    ended = [line for line in lines if "outcome" in line]
    return {(line["row"], line["video"], line["outcome"]) for line in ended}


def _is_counted(values: Values, run: str, reports: list[dict[str, Any]]) -> None:
    ends = Counter((f"code={r['code'] or ''}", f"outcome={r['outcome']}") for r in reports)
    name = "ray_fearrefactor_videos_total"
    counted = {
        key[1:3]: n for key, n in values.items() if (key[0], key[3:]) == (name, (f"run={run}",))
    }
    assert counted == ends
    n_masked = sum(r["n_masked_frames"] or 0 for r in reports)
    assert values["ray_fearrefactor_masked_frames_total", f"run={run}"] == n_masked > 0


def _submit(
    head: RayHead, bucket: str, run_id: str, *words: str
) -> subprocess.CompletedProcess[str]:
    return head.submit(
        *(sys.executable, "jobs/mask_videos.py", "--manifest", f"s3://{bucket}/tonight.jsonl"),
        *("--output", f"s3://{bucket}/out", "--classes", "person,dog", "--run-id", run_id),
        *words,
        timeout_s=280,
    )


def _reports(client: Any, bucket: str, run_id: str, folder: Path) -> list[dict[str, Any]]:
    path = folder / f"{run_id}.parquet"
    client.download_file(bucket, f"out/runs/{run_id}/videos.parquet", str(path))
    return sorted(pq.read_table(path).to_pylist(), key=lambda report: report["row"])


def _keys(client: Any, bucket: str, prefix: str) -> list[str]:
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return sorted(item["Key"] for item in found)


def _is_whole(client: Any, bucket: str, report: dict[str, Any], clip: Path, folder: Path) -> None:
    result = folder / Path(report["output_key"]).name
    client.download_file(bucket, report["output_key"], str(result))
    assert hashlib.sha256(result.read_bytes()).hexdigest() == report["output_sha256"]
    assert _times(result) == _times(clip)


def _times(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]

"""The page of whole runs: left by every one, and made again from its Parquet files alone."""

from __future__ import annotations

import base64
import io
import logging
import re
import shutil
from typing import TYPE_CHECKING

import av
import numpy as np
from lamp_clips import clip
from nights import Night, rows_in
from stub_model import COLOURS, lamp_bits

from fearrefactor.report.collect import Wanted, collect
from fearrefactor.report.write import keep_page, page_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray
    from s3_server import S3Server

    from fearrefactor.report.content import ReportContent
    from fearrefactor.storage.s3 import S3Settings

RED = COLOURS.index("red")


def content_of(night: Night, path: Path) -> ReportContent:
    night.folder().fetch_report(path)
    return collect(night.folder(), path, Wanted(), None)


def pixels_of(jpeg: str) -> NDArray[np.uint8]:
    with av.open(io.BytesIO(base64.b64decode(jpeg))) as picture:
        return next(picture.decode(video=0)).to_ndarray(format="rgb24").astype(np.uint8)


def test_every_run_leaves_a_page_and_its_parquet_files_make_it_again(tmp_path: Path) -> None:
    output = tmp_path / "out"
    sources = tmp_path / "films"
    lamps = [clip({"red": range(3, 15)}, 24, seed=1), clip({"green": range(24)}, 24, seed=2)]
    rows = [*rows_in(sources, lamps), {"id": "<b>gone", "uri": str(sources / "gone.mp4")}]
    night = Night(str(output), rows)
    report, _ = night.run()
    page = output / "runs" / "night" / "report" / "index.html"
    assert report.page == str(page)
    first = page.read_bytes()
    assert first.startswith(b"<!doctype html>")

    before = content_of(night, tmp_path / "before.parquet")
    masked, clean, failed = before.details
    assert before.table.outcome == ("masked", "clean", "failed")
    assert before.table.id[2] == "<b>gone"
    assert [lane.class_name for lane in masked.lanes] == ["red"]
    assert [span.provenance for span in masked.lanes[0].spans] == [
        "extended",
        "detected",
        "extended",
    ]
    assert 0 < len(masked.pictures) <= 6
    assert not any(lamp_bits(pixels_of(one.jpeg), RED).any() for one in masked.pictures)
    assert (clean.lanes, clean.pictures, failed.lanes) == ((), (), ())
    assert [policy.n_videos for policy in before.run.policies] == [3]

    shutil.rmtree(output / "videos")
    shutil.rmtree(sources)
    assert content_of(night, tmp_path / "after.parquet") == before
    page.unlink()
    keep_page(night.folder(), tmp_path / "after.parquet")
    assert page.read_bytes() == first


def test_a_page_that_cannot_be_made_is_a_warning_and_the_run_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "out"
    in_the_way = output / "runs" / "night" / "report"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        report, _ = Night(str(output), rows_in(tmp_path / "films", [clip({}, 12)])).run()
    assert (report.outcomes["clean"], report.page) == (1, None)
    assert (output / "runs" / "night" / "_SUCCESS").exists()
    (said,) = [one.getMessage() for one in caplog.records if "page" in one.getMessage()]
    assert re.search(r"could not be made .* 'fearrefactor report .*/runs/night' tries again", said)


def test_a_page_in_a_bucket_is_one_for_browsers_and_can_be_made_again(
    s3_bucket: str, s3_server: S3Server, s3_settings: S3Settings, tmp_path: Path
) -> None:
    rows = rows_in(tmp_path / "films", [clip({"red": range(24)}, 24)])
    night = Night(f"s3://{s3_bucket}/out/", rows, s3=s3_settings)
    report, _ = night.run()
    key = "out/runs/night/report/index.html"
    assert report.page == f"s3://{s3_bucket}/{key}"
    found = s3_server.client().get_object(Bucket=s3_bucket, Key=key)
    assert found["ContentType"] == "text/html; charset=utf-8"
    first = found["Body"].read()

    path = tmp_path / "videos.parquet"
    content = content_of(night, path)
    (detail,) = content.details
    assert len(detail.lanes) == 1
    assert len(detail.pictures) > 0
    assert {one.href for one in detail.files} == {None}
    assert page_bytes(content) == first
    keep_page(night.folder(), path, n_details=0)
    smaller = s3_server.client().get_object(Bucket=s3_bucket, Key=key)["Body"].read()
    assert len(smaller) < len(first)

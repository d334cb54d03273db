from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.report import VideoReport
from fearrefactor.notify.notice import Notice

NIGHT = Notice(
    run="night-1",
    output="s3://bucket/masked",
    state="some_failed",
    seconds=7384.2,
    outcomes={"masked": 10, "failed": 2},
    codes={"truncated": 2},
    n_frames=12000,
    n_masked_frames=340,
    report="s3://bucket/masked/runs/night-1/videos.parquet",
)


def failed(row: int, name: str = "clip") -> VideoReport:
    return VideoReport(row=row, id=name, uri="u", outcome="failed", code="truncated", reason="r")


def test_people_read_a_few_lines() -> None:
    assert NIGHT.text.splitlines() == [
        "fearrefactor run night-1: done, but some rows failed",
        "12 rows: 2 failed, 10 masked",
        "codes: 2 truncated",
        "12000 frames, 340 masked, 2 h 3 min",
        "report: s3://bucket/masked/runs/night-1/videos.parquet",
    ]


def test_a_run_that_died_says_of_what_and_where_its_results_are() -> None:
    told = Notice("n", "out", "crashed", 61, error="StoreError: no bucket\nhere")
    assert told.text.splitlines() == [
        "fearrefactor run n: CRASHED",
        r"error: StoreError: no bucket\nhere",
        "0 rows: none has ended",
        "0 frames, 0 masked, 1 min 1 s",
        "output: out",
    ]


def test_programs_read_the_same_as_json() -> None:
    body = json.loads(json.dumps(NIGHT.body()))
    assert body == {
        "text": NIGHT.text,
        "run": "night-1",
        "output": "s3://bucket/masked",
        "state": "some_failed",
        "rows": 12,
        "outcomes": {"masked": 10, "failed": 2},
        "codes": {"truncated": 2},
        "frames": 12000,
        "masked_frames": 340,
        "leaks_closed": 0,
        "seconds": 7384.2,
        "report": "s3://bucket/masked/runs/night-1/videos.parquet",
        "error": None,
        "failed": [],
    }


def test_of_failed_rows_the_first_five_are_named_to_programs_and_none_to_people() -> None:
    rows = tuple(failed(n, f"<!channel> {n}\x1b[31m") for n in range(1, 8))
    told = Notice("n", "out", "some_failed", 1, failed=rows)
    named = told.body()["failed"]
    assert [video["row"] for video in named] == [1, 2, 3, 4, 5]
    assert named[0] == {"row": 1, "id": r"<!channel> 1\x1b[31m", "code": "truncated"}
    assert "channel" not in told.text


@given(st.text(), st.text(max_size=2000))
def test_no_error_calls_a_whole_chat_or_begins_a_line_of_its_own(error: str, run: str) -> None:
    text = Notice(run, "out", "crashed", 1, error=f"{error}<!here>\n@all").text
    assert not set("<>@[]|") & set(text)
    assert len(text.splitlines()) <= 5


@pytest.mark.parametrize("run", ["night-1", "nächtlich", "n" * 300])
def test_a_title_is_what_sns_takes_for_a_subject(run: str) -> None:
    title = Notice(run, "out", "stopped", 1).title
    assert title.isascii()
    assert len(title) <= 100
    assert title.startswith("fearrefactor n")

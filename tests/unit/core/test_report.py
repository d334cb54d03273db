from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.report import ExitCode, Outcome, RunReport, VideoReport, printable

outcomes = st.sampled_from(["masked", "clean", "review", "failed"])


def report(outcome: Outcome, **fields: object) -> VideoReport:
    return VideoReport.model_validate(
        {"row": 1, "id": "x", "uri": "x.mp4", "outcome": outcome} | fields
    )


@given(found=st.lists(outcomes))
def test_a_run_is_done_only_if_no_row_failed(found: list[Outcome]) -> None:
    run = RunReport("r")
    for outcome in found:
        run.add(report(outcome))
    assert run.n_rows == len(found)
    assert (run.exit_code == ExitCode.ALL_DONE) == ("failed" not in found)
    assert int(run.exit_code) == (2 if "failed" in found else 0)


def test_a_run_counts_frames_codes_and_what_was_reused() -> None:
    run = RunReport("r")
    run.add(report("masked", n_frames=10, n_masked_frames=4))
    run.add(report("clean", n_frames=5, n_masked_frames=0, reused=True))
    run.add(report("failed", code="truncated"))
    assert (run.n_frames, run.n_masked_frames, run.n_reused) == (15, 4, 1)
    assert run.codes == {"truncated": 1}
    run.add(report("review", code="review", n_model_frames=3, detections_reused=True))
    assert (run.outcomes["review"], run.n_detections_reused, run.n_model_frames) == (1, 1, 3)


def test_a_row_has_one_end_in_utc() -> None:
    once = report("masked").ended(86400.25)
    assert once.ended_at == datetime(1970, 1, 2, 0, 0, 0, 250000, tzinfo=UTC)
    assert once.ended(99999.0) == once


def test_an_outcome_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="outcome"):
        report("done")  # type: ignore[arg-type]


@given(text=st.text(st.characters(exclude_categories=())), limit=st.integers(1, 50))
def test_a_reason_is_one_short_line_whatever_a_file_says(text: str, limit: int) -> None:
    line = printable(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    line.encode()


def test_a_reason_keeps_letters_and_escapes_what_could_move_a_cursor() -> None:
    assert printable("näive 'file' ✓") == "näive 'file' ✓"
    assert printable("a\x1b[2Jb\nc\u202ed") == r"a\x1b[2Jb\nc\u202ed"
    assert printable("x" * 600) == "x" * 499 + "…"

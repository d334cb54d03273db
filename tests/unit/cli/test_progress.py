from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from fearrefactor.cli import progress
from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.core.report import VideoReport

if TYPE_CHECKING:
    import pytest


def report(**changes: object) -> VideoReport:
    told = {"row": 1, "id": "film", "uri": "film.mp4", "outcome": "masked", "n_frames": 24}
    return VideoReport.model_validate(told | {"n_masked_frames": 9} | changes)


def said(*, terminal: bool, reports: list[VideoReport]) -> str:
    out = io.StringIO()
    with ConsoleProgress(Console(file=out, force_terminal=terminal, width=100)) as told:
        told.add_work(48)
        told.did_frames(24)
        for one in reports:
            told.did_video(one)
    return out.getvalue()


def test_a_log_gets_plain_lines_one_a_video() -> None:
    failed = report(id="lost", outcome="failed", code="not_found", reason="there is no lost.mp4")
    text = said(terminal=False, reports=[report(), failed, report(reused=True)])
    assert text.splitlines() == [
        "masked: film: 24 frames, 9 masked",
        "failed (not_found): lost: there is no lost.mp4",
        "masked: film: 24 frames, 9 masked (done by an earlier run)",
    ]


def test_a_log_hears_of_long_work_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", -1.0)
    lines = said(terminal=False, reports=[report()]).splitlines()
    assert lines[0] == "0 of 48 frames, 0.0 frames/s, 0 s left, 0 videos done, 0 failed"
    assert lines[1].startswith("24 of 48 frames, ")
    assert lines[-1].endswith("1 videos done, 0 failed")


def test_a_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    text = said(terminal=True, reports=[report()])
    assert "\x1b[" in text
    assert "24/48" in text
    assert "frames/s" in text


def test_names_from_a_manifest_cannot_speak_to_the_terminal() -> None:
    evil = report(id="\x1b]0;evil\x07[red]x[/red]")
    text = said(terminal=False, reports=[evil])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x[/red]" in text

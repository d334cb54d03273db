"""Who is told how a run ended, from the command line."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hooks import HookServer
from lamp_clips import clip

from fearrefactor.cli.notices import Notices
from fearrefactor.core.report import VideoReport
from fearrefactor.errors import StoreError
from fearrefactor.pipeline.log_lines import LogSettings, start_logging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shell import Said, Shell

    from fearrefactor.notify.notice import Notice


@pytest.fixture(autouse=True)
def plain_logs_afterwards() -> Iterator[None]:
    yield
    start_logging(LogSettings())


def mask(shell: Shell, source: Path, output: Path, model: Path, *words: object) -> Said:
    fixed = ("--output", output, "--classes", "dog", "--model", model, "--run-id", "night")
    return shell("mask", source, *fixed, *words)


def told(hook: HookServer) -> dict[str, Any]:
    (body,) = hook.told
    return body


def test_a_run_that_is_done_is_told_with_its_counts(
    shell: Shell, films: Path, tmp_path: Path, random_model: Path
) -> None:
    with HookServer() as first, HookServer() as second:
        words = ("--notify", first.url, "--notify", second.url)
        said = mask(shell, films / "red.mp4", tmp_path / "out", random_model, *words)
    assert (said.code, said.err) == (0, "")
    assert told(first) == told(second)
    body = told(first)
    assert (body["run"], body["state"], body["outcomes"]) == ("night", "done", {"clean": 1})
    assert (body["frames"], body["masked_frames"], body["error"]) == (24, 0, None)
    assert body["report"] == str(tmp_path / "out" / "runs" / "night" / "videos.parquet")
    assert body["seconds"] > 0


def test_failed_rows_are_told_and_a_log_of_json_says_everything_on_stderr(
    shell: Shell, films: Path, tmp_path: Path, random_model: Path
) -> None:
    with HookServer() as hook:
        words = ("--notify", hook.url, "--log-format", "json")
        said = mask(shell, films / "notes.txt", tmp_path / "out", random_model, *words)
    assert (said.code, said.out) == (2, "")
    assert told(hook)["state"] == "some_failed"
    assert told(hook)["codes"] == {"not_a_video": 1}
    (named,) = told(hook)["failed"]
    assert (named["row"], named["code"]) == (1, "not_a_video")
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {line["run"] for line in lines} == {"night"}
    row, last = lines[-2:]
    assert (row["level"], row["row"], row["video"]) == ("warning", 1, named["id"])
    assert (row["outcome"], row["code"]) == ("failed", "not_a_video")
    assert (last["message"], last["codes"]) == ("1 rows have ended", {"not_a_video": 1})


def test_a_run_that_a_signal_stops_is_told_as_stopped(
    shell: Shell, tmp_path: Path, random_model: Path
) -> None:
    film, ledger = tmp_path / "long.mp4", tmp_path / "out" / "runs" / "night" / "ledger"
    film.write_bytes(clip({"red": range(240)}, 240))

    def stop() -> None:
        while not ledger.exists() and hook.fileno() >= 0:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # else a late one ends the tests
    try:
        with HookServer() as hook:
            stopper = threading.Thread(target=stop)
            stopper.start()
            said = mask(shell, film, tmp_path / "out", random_model, "--notify", hook.url)
            stopper.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert said.code == 3
    body = told(hook)
    assert (body["state"], body["rows"], body["report"]) == ("stopped", 0, None)
    assert "StoppedError: stopped by SIGTERM" in body["error"]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_run_that_cannot_begin_is_told_with_its_error(
    shell: Shell, films: Path, tmp_path: Path, format_: str
) -> None:
    with HookServer() as hook:
        words = ("--notify", hook.url, "--log-format", format_)
        gone = tmp_path / "gone.pt"
        said = mask(shell, films / "red.mp4", tmp_path / "out", gone, *words)
    assert said.code == 1
    body = told(hook)
    assert (body["state"], body["output"]) == ("crashed", str(tmp_path / "out"))
    assert "gone.pt" in body["error"]
    assert "gone.pt" in body["text"]
    if format_ == "json":
        (line,) = said.err.splitlines()
        assert json.loads(line)["message"].startswith("Error: ")
    else:
        assert said.err.startswith("Error: ")


def test_a_notice_that_nobody_takes_is_a_warning_and_changes_nothing(
    shell: Shell, films: Path, tmp_path: Path, random_model: Path
) -> None:
    with HookServer(307) as hook:
        said = mask(shell, films / "red.mp4", tmp_path / "out", random_model, "--notify", hook.url)
    assert said.code == 0
    assert "WARNING fearrefactor.cli.notices: nobody was told: http://127.0.0.1" in said.err
    assert "SECRET" not in said.err + said.out


@pytest.mark.parametrize("to", ["ftp://host/x", "arn:aws:sqs:eu-central-1:123456789012:q"])
def test_an_address_that_is_none_is_refused_before_the_run(
    shell: Shell, films: Path, tmp_path: Path, to: str
) -> None:
    said = mask(shell, films / "red.mp4", tmp_path / "out", tmp_path, "--notify", to)
    assert said.code == 1
    assert "--notify" in said.err
    assert not (tmp_path / "out").exists()


class Stuck:
    """A channel from which a notice never comes back."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def __str__(self) -> str:
        return "stuck"

    def send(self, notice: Notice) -> None:
        """Waits."""
        del notice
        self.is_over.wait()


def test_a_channel_that_never_comes_back_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stuck = Stuck()
    with pytest.raises(StoreError), Notices([stuck], "night", "out", wait_s=0.05):
        raise StoreError("no bucket")
    stuck.is_over.set()
    assert "nobody was told: stuck: not within" in caplog.text


class Kept:
    """A channel that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Notice] = []

    def send(self, notice: Notice) -> None:
        """Kept."""
        self.told.append(notice)


def test_what_ends_without_a_report_and_without_an_error_is_not_told() -> None:
    kept = Kept()
    with Notices([kept], "night", "out"):
        pass
    with pytest.raises(SystemExit), Notices([kept], "night", "out"):
        raise SystemExit(0)
    assert kept.told == []


def test_a_run_that_stops_tells_of_the_rows_that_have_ended_until_then() -> None:
    kept = Kept()
    notices = Notices([kept], "night", "out")
    for row in range(1, 8):
        notices.keep(VideoReport(row=row, id="clip", uri="u", outcome="failed", code="truncated"))
    with pytest.raises(KeyboardInterrupt), notices:
        raise KeyboardInterrupt
    (notice,) = kept.told
    assert (notice.state, notice.codes) == ("stopped", {"truncated": 7})
    assert [video.row for video in notice.failed] == [1, 2, 3, 4, 5]

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.pipeline.log_lines import (
    SUBJECT,
    JsonLines,
    LogSettings,
    Subject,
    about_segment,
    has_begun_logging,
    is_json,
    start_logging,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("fearrefactor.test")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, house = logging.getLogger(), logging.getLogger("fearrefactor")
    before, level = root.handlers[:], house.level
    yield
    root.handlers[:] = before
    house.setLevel(level)


def line_of(text: str, subject: Subject) -> str:
    record = logging.LogRecord("fearrefactor.x", logging.INFO, "x.py", 1, text, (), None)
    before = SUBJECT.set(subject)
    try:
        return JsonLines("night").format(record)
    finally:
        SUBJECT.reset(before)


def said(settings: LogSettings) -> contextlib.redirect_stderr[io.StringIO]:
    start_logging(settings, "night")
    return contextlib.redirect_stderr(io.StringIO())


def test_a_line_names_run_row_video_and_segment() -> None:
    with said(LogSettings("json")) as err:
        before = SUBJECT.set(Subject(7, "clip", 3))
        _log.info("looked at %d frames", 12)
        SUBJECT.reset(before)
        _log.warning("of nothing")
    first, second = map(json.loads, err.getvalue().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "info",
        "logger": "fearrefactor.test",
        "message": "looked at 12 frames",
        "run": "night",
        "row": 7,
        "video": "clip",
        "segment": 3,
    }
    assert second.keys() == {"time", "level", "logger", "message", "run"}


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_whatever_an_id_is_a_line_is_one_line_of_ascii_and_tells_it(text: str, video: str) -> None:
    line = line_of(text.replace("%", "%%"), Subject(1, video))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert json.loads(line)["video"] == video


def test_a_trace_stands_in_its_line() -> None:
    with said(LogSettings("json")) as err:
        try:
            raise ValueError("not\nforeseen")  # noqa: TRY301
        except ValueError:
            _log.exception("failed")
    (line,) = err.getvalue().splitlines()
    error = json.loads(line)["error"]
    assert error.startswith("Traceback")
    assert error.endswith("ValueError: not\nforeseen")


def test_tasks_for_segments_inherit_the_video_and_leave_it_as_it_was() -> None:
    async def one(number: int) -> Subject:
        about_segment(number)
        await asyncio.sleep(0)
        return SUBJECT.get()

    async def both() -> tuple[list[Subject], Subject]:
        SUBJECT.set(Subject(1, "clip"))
        return await asyncio.gather(one(0), one(1)), SUBJECT.get()

    segments, video = asyncio.run(both())
    assert segments == [Subject(1, "clip", 0), Subject(1, "clip", 1)]
    assert video == Subject(1, "clip")


@pytest.mark.parametrize(("level", "n_lines"), [("debug", 2), ("info", 1), ("error", 0)])
def test_less_than_the_level_is_not_said_nor_the_chat_of_libraries(
    level: Any, n_lines: int
) -> None:
    with said(LogSettings(level=level)) as err:
        _log.debug("a step")
        _log.info("a video")
        logging.getLogger("library").info("chat")
    assert len(err.getvalue().splitlines()) == n_lines


def test_logging_that_is_started_again_says_each_line_once_in_the_new_format() -> None:
    start_logging(LogSettings("json"), "night")
    assert is_json()
    with said(LogSettings()) as err:
        _log.warning("beware")
    assert err.getvalue() == "WARNING fearrefactor.test: beware\n"
    assert has_begun_logging()
    assert not is_json()

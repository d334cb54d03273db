"""What this process logs, for people or as JSON lines, and which video a line is about."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from typing import TextIO

LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True)
class LogSettings:
    """How a run's processes log: from ``level`` on, of all others from warnings on."""

    format: LogFormat = "text"
    level: LogLevel = "info"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is worked on: a row of the manifest by number, its id, the number of a segment."""

    row: int | None = None
    video: str | None = None
    segment: int | None = None


_NOTHING: Final = Subject()
#: Set where a video or a segment is taken up; tasks and calls to workers inherit it.
SUBJECT: Final[ContextVar[Subject]] = ContextVar("subject", default=_NOTHING)


def about_segment(number: int) -> None:
    """What this task logs from now on is about a segment of its video."""
    SUBJECT.set(replace(SUBJECT.get(), segment=number))


class JsonLines(logging.Formatter):
    """A record as one line of JSON; ``run`` stands in each, row, video and segment where known.

    All but ASCII is escaped, so that no id can end a line, colour a terminal or hide another line.
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end; a traceback stands in it as ``error``."""
        subject = SUBJECT.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run": self._run,
            "row": subject.row,
            "video": subject.video,
            "segment": subject.segment,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None})


class _ToStderr(logging.StreamHandler[Any]):
    """To whatever ``sys.stderr`` is at the time: whoever captures it may put another in place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)  # the stream is no attribute of its own

    @property
    def stream(self) -> TextIO:
        """Where lines go."""
        return sys.stderr


def start_logging(settings: LogSettings, run: str = "") -> None:
    """From now on this process logs to stderr in this way; it may be said again."""
    handler = _ToStderr()
    handler.setFormatter(
        JsonLines(run)
        if settings.format == "json"
        else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger()
    for before in [other for other in root.handlers if isinstance(other, _ToStderr)]:
        root.removeHandler(before)
    root.addHandler(handler)
    logging.getLogger("fearrefactor").setLevel(settings.level.upper())


def has_begun_logging() -> bool:
    """Whether ``start_logging`` was called in this process."""
    return any(isinstance(handler, _ToStderr) for handler in logging.getLogger().handlers)


def is_json() -> bool:
    """Whether this process logs JSON lines."""
    handlers = logging.getLogger().handlers
    return any(isinstance(handler.formatter, JsonLines) for handler in handlers)

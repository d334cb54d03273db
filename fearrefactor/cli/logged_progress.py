"""How a run gets on, for machines: lines of the log."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, Self

from fearrefactor.core.report import printable
from fearrefactor.pipeline.log_lines import SUBJECT, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.core.report import RunReport, VideoReport

_SECONDS_BETWEEN_LINES: Final = 10.0
_log = logging.getLogger(__name__)


class LoggedProgress:
    """A ``Progress`` that logs each video's end, and every ten seconds how many frames are done.

    Numbers stand in each line under names of their own.
    """

    def __init__(self) -> None:
        self._last_line = time.monotonic()
        self._work = self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def add_work(self, n_frames: int) -> None:
        """So many more frames are to be done."""
        self._work += n_frames

    def did_frames(self, n_frames: int) -> None:
        """So many frames are done."""
        self._done += n_frames
        if time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            facts = {"frames_done": self._done, "frames_known": self._work}
            _say(Subject(), f"{self._done} of {self._work} frames", facts)

    def did_video(self, report: VideoReport) -> None:
        """A row has come to its end."""
        facts = {
            "outcome": report.outcome,
            "code": report.code,
            "reason": report.reason,
            "reused": report.reused,
            "frames": report.n_frames,
            "masked_frames": report.n_masked_frames,
            "seconds": report.seconds,
        }
        is_failed = report.outcome == "failed"
        end = f"failed ({report.code})" if is_failed else report.outcome
        level = logging.WARNING if is_failed else logging.INFO
        text = f"{end}: {printable(report.id, 80)}"
        _say(Subject(report.row, report.id), text, facts, level)


def log_summary(report: RunReport, uri: str) -> None:
    """What a run came to; ``uri`` is the address of its ``videos.parquet``."""
    facts = {
        "outcomes": dict(report.outcomes),
        "codes": dict(report.codes),
        "frames": report.n_frames,
        "masked_frames": report.n_masked_frames,
        "report": uri,
    }
    _say(Subject(), f"{report.n_rows} rows have ended", facts)


def _say(
    subject: Subject, text: str, facts: Mapping[str, object], level: int = logging.INFO
) -> None:
    """Whoever calls may be at work on something else."""
    before = SUBJECT.set(subject)
    try:
        _log.log(level, "%s", text, extra={"facts": facts})
    finally:
        SUBJECT.reset(before)

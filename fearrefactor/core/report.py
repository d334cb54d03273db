"""What came of each row, and of the run as a whole."""

from __future__ import annotations

import enum
from collections import Counter
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fearrefactor.core.leaks import AuditMode  # noqa: TC001 - pydantic reads it at run time

Outcome = Literal["masked", "clean", "review", "failed"]


class VideoReport(BaseModel):
    """The row of ``videos.parquet`` for one row of the manifest.

    ``code`` and ``reason`` are set when ``outcome`` is ``failed`` or ``review``. Keys are relative
    to the output.
    ``seconds`` are wall seconds by stage, summed over segments. ``reused`` says that an earlier run
    had done the same work and nothing was computed, ``detections_reused`` that an earlier run had
    looked at the frames. ``n_model_frames`` counts frames given to the model, once each time.
    ``n_rendered_frames`` counts frames that were encoded anew: masked ones and their neighbours in
    the same GOPs. ``audit`` says which of the masked frames the model looked at again,
    ``n_audited_frames`` how often it did, and ``n_leaks`` how many things it recognised at first
    and that were then hidden better. ``ended_at`` is when the row came to this end, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    row: int
    id: str
    uri: str
    outcome: Outcome
    code: str | None = None
    reason: str | None = None
    reused: bool = False
    detections_reused: bool = False
    n_model_frames: int = 0
    audit: AuditMode = "none"
    n_audited_frames: int = 0
    n_leaks: int = 0
    input_sha256: str | None = None
    input_bytes: int | None = None
    output_key: str | None = None
    output_sha256: str | None = None
    output_bytes: int | None = None
    detections_key: str | None = None
    detections_sha256: str | None = None
    plan_key: str | None = None
    plan_sha256: str | None = None
    n_frames: int | None = None
    n_masked_frames: int | None = None
    n_rendered_frames: int | None = None
    n_detections: int | None = None
    duration_s: float | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    model: str | None = None
    model_sha256: str | None = None
    policy: str | None = None
    policy_digest: str | None = None
    detect_id: str | None = None
    work_id: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    extra: dict[str, str] = Field(default_factory=dict)
    ended_at: datetime | None = None

    def ended(self, time_s: float) -> VideoReport:
        """With ``time_s``, Unix seconds, as its end; one that has ended before keeps its own."""
        if self.ended_at is not None:
            return self
        return self.model_copy(update={"ended_at": datetime.fromtimestamp(time_s, UTC)})


def printable(text: str, limit: int = 500) -> str:
    """``text`` on one line, control characters escaped, so that it can stand in a log."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


class ExitCode(enum.IntEnum):
    """What the process says to the shell."""

    ALL_DONE = 0
    NO_RUN = 1
    SOME_FAILED = 2
    STOPPED = 3


class RunReport:
    """Counts over the rows of a run; the rows themselves are in ``videos.parquet``.

    ``ended_at`` is when the last of them ended. ``page`` is where people can see it all, if there
    is such a page.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.outcomes: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.n_frames = 0
        self.n_masked_frames = 0
        self.n_rendered_frames = 0
        self.n_reused = 0
        self.n_detections_reused = 0
        self.n_model_frames = 0
        self.n_audited_frames = 0
        self.n_leaks = 0
        self.ended_at: datetime | None = None
        self.page: str | None = None

    def add(self, report: VideoReport) -> None:
        """Count one more row."""
        self.outcomes[report.outcome] += 1
        self.n_reused += report.reused
        self.n_detections_reused += report.detections_reused
        self.n_model_frames += report.n_model_frames
        self.n_audited_frames += report.n_audited_frames
        self.n_leaks += report.n_leaks
        if report.code:
            self.codes[report.code] += 1
        self.n_frames += report.n_frames or 0
        self.n_masked_frames += report.n_masked_frames or 0
        self.n_rendered_frames += report.n_rendered_frames or 0
        if report.ended_at is not None:
            self.ended_at = max(self.ended_at or report.ended_at, report.ended_at)

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self.outcomes.total()

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every row is done."""
        return ExitCode.SOME_FAILED if self.outcomes["failed"] else ExitCode.ALL_DONE

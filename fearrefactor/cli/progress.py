"""How a run gets on, for people: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from fearrefactor.core.report import printable

if TYPE_CHECKING:
    from rich.console import Console

    from fearrefactor.core.report import VideoReport

_SECONDS_BETWEEN_LINES = 10.0


class ConsoleProgress:
    """Tells ``console``. Use it in a ``with`` statement.

    Frames count once when detected and once more when rendered; the total grows as videos are
    opened, so the time left is that of the videos known so far.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = self._last_line = time.monotonic()
        self._work = self._done = 0
        self._n_videos = self._n_failed = 0
        self._bar: Bar | None = None
        if console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:.0f} frames/s"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=None, rate=0.0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add_work(self, n_frames: int) -> None:
        """So many more frames are to be done."""
        self._work += n_frames
        self._tell()

    def did_frames(self, n_frames: int) -> None:
        """So many frames are done."""
        self._done += n_frames
        self._tell()

    def did_video(self, report: VideoReport) -> None:
        """A row has come to its end."""
        self._n_videos += 1
        self._n_failed += report.outcome == "failed"
        if report.outcome == "failed":
            self._line(f"failed ({report.code}): {printable(report.id, 80)}: {report.reason}")
        else:
            again = " (done by an earlier run)" if report.reused else ""
            self._line(
                f"{report.outcome}: {printable(report.id, 80)}: {report.n_frames} frames, "
                f"{report.n_masked_frames} masked{again}"
            )
        self._tell()

    @property
    def _rate(self) -> float:
        return self._done / max(time.monotonic() - self._start, 1e-6)

    def _tell(self) -> None:
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=f"{self._n_videos} videos done",
                completed=self._done,
                total=self._work or None,
                rate=self._rate,
            )
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            left_s = (self._work - self._done) / self._rate if self._done else 0
            self._line(
                f"{self._done} of {self._work} frames, {self._rate:.1f} frames/s, "
                f"{left_s:.0f} s left, {self._n_videos} videos done, {self._n_failed} failed"
            )

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

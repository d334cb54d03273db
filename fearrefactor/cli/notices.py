"""``--notify``: who is told how a run ended."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from fearrefactor.core.report import ExitCode, RunReport, printable
from fearrefactor.errors import NoticeError, StoppedError
from fearrefactor.notify.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from fearrefactor.core.report import VideoReport
    from fearrefactor.notify.notice import Channel, State

_log = logging.getLogger(__name__)
_N_FAILED: Final = 5
#: A process that was asked to leave has little time.
_STOPPED_WAIT_S: Final = 5.0


class Notices:
    """Tells ``channels`` how a run ended, once. Use it in a ``with`` statement around all of it.

    ``output`` is the address of its results. A notice that cannot be delivered is a warning in the
    log and changes nothing; all channels together have ``wait_s`` seconds. What ends without a
    report or an error, as a dry run does, is not told.
    """

    def __init__(
        self, channels: Sequence[Channel], run: str, output: str, wait_s: float = 40.0
    ) -> None:
        self._channels = channels
        self._wait_s = wait_s
        self._run = run
        self._output = output
        self._start = time.monotonic()
        self._so_far = RunReport(run)
        self._failed: list[VideoReport] = []
        self._reported: tuple[RunReport, str] | None = None

    def __enter__(self) -> Self:
        return self

    def keep(self, video: VideoReport) -> None:
        """A row has come to its end."""
        self._so_far.add(video)
        if video.outcome == "failed" and len(self._failed) < _N_FAILED:
            self._failed.append(video)

    def ended(self, report: RunReport, uri: str) -> None:
        """All rows have; ``uri`` is the address of ``videos.parquet``."""
        self._reported = report, uri

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._reported is not None:
            report, uri = self._reported
            is_done = report.exit_code is ExitCode.ALL_DONE
            notice = self._notice("done" if is_done else "some_failed", report, report_uri=uri)
            self._tell(notice, self._wait_s)
        elif isinstance(error, (StoppedError, KeyboardInterrupt)):
            self._tell(
                self._notice("stopped", self._so_far, error=error),
                min(self._wait_s, _STOPPED_WAIT_S),
            )
        elif error is not None and not isinstance(error, SystemExit):
            self._tell(self._notice("crashed", self._so_far, error=error), self._wait_s)

    def _notice(
        self,
        state: State,
        counts: RunReport,
        *,
        report_uri: str | None = None,
        error: BaseException | None = None,
    ) -> Notice:
        return Notice(
            run=self._run,
            output=self._output,
            state=state,
            seconds=time.monotonic() - self._start,
            outcomes=dict(counts.outcomes),
            codes=dict(counts.codes),
            n_frames=counts.n_frames,
            n_masked_frames=counts.n_masked_frames,
            n_leaks=counts.n_leaks,
            report=report_uri,
            error=None if error is None else f"{type(error).__name__}: {error}",
            failed=tuple(self._failed),
        )

    def _tell(self, notice: Notice, wait_s: float) -> None:
        """All channels at once; one that never comes to an end is left behind."""
        threads = [
            threading.Thread(target=_send, args=(channel, notice), name=str(channel), daemon=True)
            for channel in self._channels
        ]
        end = time.monotonic() + wait_s
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                _log.warning("nobody was told: %s: not within %.0f s", thread.name, wait_s)


def _send(channel: Channel, notice: Notice) -> None:
    try:
        channel.send(notice)
    except NoticeError as error:
        _log.warning("nobody was told: %s", printable(str(error)))

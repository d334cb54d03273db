"""What is told of a run that has ended, well or badly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from fearrefactor.core.report import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fearrefactor.core.report import VideoReport

#: ``done``: every row is; ``some_failed``: all have ended; ``crashed``: by an error.
State: TypeAlias = Literal["done", "some_failed", "stopped", "crashed"]

_WORDS: Final[dict[State, str]] = {
    "done": "all is done",
    "some_failed": "done, but some rows failed",
    "stopped": "stopped before all rows had ended",
    "crashed": "CRASHED",
}
#: In chats these call everybody, or make links that look like others.
_DISARMED: Final = str.maketrans(
    {"<": "\u2039", ">": "\u203a", "@": "\uff20", "[": "(", "]": ")", "|": "/"}
)
_N_FAILED: Final = 5


@dataclass(frozen=True)
class Notice:
    """How a run ended: by whose driver, where, with what counts of rows.

    ``seconds`` are wall seconds of this driver. ``report`` is the address of ``videos.parquet``,
    None if there is none; ``error`` says why not. ``failed`` are the first rows that did.
    """

    run: str
    output: str
    state: State
    seconds: float
    outcomes: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    n_frames: int = 0
    n_masked_frames: int = 0
    n_leaks: int = 0
    report: str | None = None
    error: str | None = None
    failed: Sequence[VideoReport] = ()

    @property
    def title(self) -> str:
        """A line for subjects, in ASCII, at most 100 characters."""
        title = f"fearrefactor {self.run}: {_WORDS[self.state]}"
        return printable(title.encode("ascii", "replace").decode(), 97).replace("\u2026", "...")

    @property
    def text(self) -> str:
        """A few lines for people; ids of videos are not in it, for anybody may have chosen them."""
        outcomes = ", ".join(f"{n} {name}" for name, n in sorted(self.outcomes.items()))
        codes = ", ".join(f"{n} {code}" for code, n in sorted(self.codes.items()))
        n_rows = sum(self.outcomes.values())
        lines = [
            f"fearrefactor run {self.run}: {_WORDS[self.state]}",
            *([f"error: {printable(self.error)}"] if self.error else []),
            f"{n_rows} rows: {outcomes or 'none has ended'}",
            *([f"codes: {codes}"] if codes else []),
            f"{self.n_frames} frames, {self.n_masked_frames} masked, {_duration(self.seconds)}",
            f"report: {self.report}" if self.report else f"output: {self.output}",
        ]
        return "\n".join(printable(line, 1000).translate(_DISARMED) for line in lines)

    def body(self) -> dict[str, Any]:
        """As JSON: ``text`` for chats (Slack, Mattermost, Teams), all else for programs."""
        told: dict[str, Any] = {
            "text": self.text,
            "run": self.run,
            "output": self.output,
            "state": self.state,
            "rows": sum(self.outcomes.values()),
            "outcomes": dict(self.outcomes),
            "codes": dict(self.codes),
            "frames": self.n_frames,
            "masked_frames": self.n_masked_frames,
            "leaks_closed": self.n_leaks,
            "seconds": round(self.seconds, 1),
            "report": self.report,
            "error": None if self.error is None else printable(self.error),
            "failed": [
                {"row": video.row, "id": printable(video.id, 80), "code": video.code}
                for video in self.failed[:_N_FAILED]
            ],
        }
        return told


class Channel(Protocol):
    """Where notices go. ``str`` of it may stand in a log: it holds no secret."""

    def send(self, notice: Notice) -> None:
        """Deliver it.

        Raises:
            NoticeError: it may not have arrived.
        """
        ...


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"

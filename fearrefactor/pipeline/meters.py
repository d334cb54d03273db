"""Who counts what a run does, so that it can be watched from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

#: Who was lost in the middle of a step.
Cause: TypeAlias = Literal["worker", "node", "model", "packets"]


class Meters(Protocol):
    """Called from one thread for every step: it waits for nothing and costs next to nothing."""

    def in_hand(self, change: int) -> None:
        """So many more videos are in hand, or fewer."""
        ...

    def took(self, stage: str, seconds: float) -> None:
        """A stage of some video, or of a segment of it, has taken so many wall seconds."""
        ...

    def did_frames(self, stage: str, n_frames: int) -> None:
        """So many frames have been through a stage."""
        ...

    def lost(self, cause: Cause, *, counts: bool) -> None:
        """A step is to be done again; ``counts``: it may be the video's fault."""
        ...

    def did_video(self, report: VideoReport) -> None:
        """A row has come to its end."""
        ...


class NoMeters:
    """Nobody watches."""

    def in_hand(self, change: int) -> None:
        """Nothing is counted."""

    def took(self, stage: str, seconds: float) -> None:
        """Nothing is counted."""

    def did_frames(self, stage: str, n_frames: int) -> None:
        """Nothing is counted."""

    def lost(self, cause: Cause, *, counts: bool) -> None:
        """Nothing is counted."""

    def did_video(self, report: VideoReport) -> None:
        """Nothing is counted."""

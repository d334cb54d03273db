"""Who is told how a run gets on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport


class Progress(Protocol):
    """Called from one thread. Frames count each time they are detected, rendered or audited."""

    def add_work(self, n_frames: int) -> None:
        """So many more frames are to be done."""
        ...

    def did_frames(self, n_frames: int) -> None:
        """So many frames are done."""
        ...

    def did_video(self, report: VideoReport) -> None:
        """A row has come to its end."""
        ...

"""A few frames of a video, decoded no further than they take, as they are or as they are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.media.decode import segment_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.video.frame import VideoFrame

    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.source import Source


def glimpsed(
    source: Source, task: SegmentTask, wanted: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """The frames ``wanted`` of a segment, as (frame index of the video, frame).

    ``wanted``: indices of the video in this segment, ascending. Of each GOP only what stands before
    the last of them is decoded.

    Raises:
        MediaError: what is decoded is damaged, or is not where the index saw it.
    """
    first_frame = task.gops.first_frame
    holding = np.searchsorted(first_frame, np.array(wanted, np.int64), side="right") - 1
    for gop in np.unique(holding).tolist():
        left = {wanted[n] for n in np.flatnonzero(holding == gop).tolist()}
        for index, frame in segment_frames(source, task.part(gop, gop + 1)):
            if index in left:
                yield index, frame
                left.discard(index)
            if not left:
                break


class LastGlimpses:
    """Keeps the frames that were asked for last: a model is shown them, and then people."""

    def __init__(self) -> None:
        self._asked: tuple[int, Sequence[int]] | None = None
        self._frames: list[tuple[int, VideoFrame]] = []

    def frames(
        self, source: Source, task: SegmentTask, wanted: Sequence[int]
    ) -> list[tuple[int, VideoFrame]]:
        """See ``glimpsed``; decoded anew unless the same frames were asked for last."""
        asked = task.segment.index, wanted
        if asked != self._asked:
            self.forget()
            self._frames = list(glimpsed(source, task, wanted))
            self._asked = asked
        return self._frames

    def forget(self) -> None:
        """Keep none of them."""
        self._asked, self._frames = None, []

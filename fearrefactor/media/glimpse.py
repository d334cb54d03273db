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

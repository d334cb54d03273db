"""Which few frames of a video stand for all of it, where looking at one should cost little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fearrefactor.core.gops import Gops


def spread_frames(gops: Gops, most: int) -> tuple[int, ...]:
    """At most so many frames, spread over all GOPs of a video; ascending indices, distinct.

    One stands for each of ``most`` equal parts: the first of the GOP in which the part has its
    middle, since that one is decoded alone, or the middle itself if the first one stands for
    another part already.
    """
    n_frames = int(gops.first_frame[-1])
    n = min(most, n_frames)
    middles = (2 * np.arange(n) + 1) * n_frames // (2 * max(n, 1))
    holding = np.searchsorted(gops.first_frame, middles, side="right") - 1
    starts = gops.first_frame[holding]
    is_new = np.diff(starts, prepend=-1) > 0
    return tuple(np.where(is_new, starts, middles).tolist())

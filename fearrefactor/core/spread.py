"""Which few frames of a video stand for all of it, where looking at one should cost little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fearrefactor.core.gops import Gops


def spread_frames(gops: Gops, most: int) -> tuple[int, ...]:
    """At most so many frames, one in each of equal parts of a video; ascending indices.

    It is the first frame of a GOP if one begins in the part, since that is decoded alone, and else
    the first of the part: what comes before it in its GOP has to be decoded too.
    """
    n_frames = int(gops.first_frame[-1])
    n = min(most, n_frames)
    edges = -(-np.arange(n + 1) * n_frames // max(n, 1))
    starts = np.append(gops.first_frame[:-1], n_frames)
    next_start = starts[np.searchsorted(starts, edges[:-1])]
    return tuple(np.where(next_start < edges[1:], next_start, edges[:-1]).tolist())

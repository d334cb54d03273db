"""Where a track may have gone over to another thing: it jumps, and beside it another one begins.

Of two things that cross while one of them is lost from sight, a track may begin on the one and go
on with the other; the first one then begins anew when it is seen again. What the track showed
before may have gone on elsewhere, and what it shows from there on may have come from elsewhere: as
if one track had ended there and another one begun. The same holds backwards in time, where another
one ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.motion import areas, grown, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.sightings import Sightings, Track

# A box that overlaps less with where its neighbours in time foresee it has jumped.
_SMOOTH_IOU = 0.65
# Boxes enlarged so much that have anything in common are beside each other.
_BESIDE = 0.25


def exchanges(
    tracks: Sequence[Track], seen: Sightings, max_gap_frames: int
) -> Iterator[tuple[Track, list[int]]]:
    """For each track the places in its ``rows`` at which it may have gone over to another thing.

    Another track begins or ends beside it there, at most ``max_gap_frames`` earlier or later.
    """
    if len(tracks) < 2:
        return
    ends = [
        (number, track.rows[at])
        for number, track in enumerate(tracks)
        for at, step in ((0, -1), (-1, 1))
        if _goes_on(int(seen.frame[track.rows[at]]), step, seen.scene)
    ]
    if not ends:
        return
    whose, rows = np.array(ends).T
    at_frame, at_box = seen.frame[rows], grown(seen.box[rows], _BESIDE)
    for number, track in enumerate(tracks):
        frames, boxes = seen.frame[track.rows], seen.box[track.rows]
        found = []
        for at in _jumps(frames, boxes).tolist():
            near = (at_frame >= frames[at - 1] - max_gap_frames) & (whose != number)
            near &= at_frame <= frames[at] + max_gap_frames
            if near.any() and overlaps(grown(boxes[at - 1 : at + 1], _BESIDE), at_box[near]).any():
                found.append(at)
        if found:
            yield track, found


def _goes_on(frame: int, step: int, scene: NDArray[np.int64]) -> bool:
    """Whether there is more of a scene after a frame, or before it."""
    return 0 <= frame + step < len(scene) and bool(scene[frame + step] == scene[frame])


def _jumps(frames: NDArray[np.int64], boxes: Boxes) -> NDArray[np.intp]:
    """Places at which a track is not where it was foreseen, looking from either side."""
    if len(frames) < 2:
        return np.zeros(0, np.intp)
    ahead = _fits(frames, boxes)
    back = _fits(-frames[::-1], boxes[::-1])[::-1]
    return np.flatnonzero(np.minimum(ahead, back) < _SMOOTH_IOU) + 1


def _fits(frames: NDArray[np.int64], boxes: Boxes) -> NDArray[np.float64]:
    """How well each box but the first, ``(n - 1,)``, lies where the three before it lead to."""
    last = np.arange(len(frames) - 1)
    first = np.maximum(last - 2, 0)
    time = np.maximum(frames[last] - frames[first], 1)[:, None]
    speed = (boxes[last] - boxes[first]) / time
    place = boxes[last] + speed * (frames[last + 1] - frames[last])[:, None]
    low = np.maximum(place[:, :2], boxes[1:, :2])
    high = np.minimum(place[:, 2:], boxes[1:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    return np.asarray(common / np.maximum(areas(place) + areas(boxes[1:]) - common, 1e-9))

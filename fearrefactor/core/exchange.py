"""Where a track may have gone over to another thing, and another track has taken its place.

Of two things that cross while one of them is lost from sight, a track may begin on the one and go
on with the other; the first one then begins anew when it is seen again, where the track would be
had it gone on as before. What the track showed before may have gone on elsewhere, and what it shows
from there on may have come from elsewhere: as if one track had ended there and another one begun.
The same holds backwards in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.motion import areas, ious
from fearrefactor.core.sightings import Track, expected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.sightings import Sightings

# A box that overlaps less with where its neighbours in time foresee it has jumped.
_SMOOTH_IOU = 0.65
# What overlaps less with where a track is expected does not continue it.
_LEAST_FIT = 0.3
# A track that jumps within so many sightings of its beginning or end may have begun or ended there.
_YOUNG = 4
# Sightings by which it is foreseen where a track goes on, and more.
_NEAR = 12


def exchanges(
    tracks: Sequence[Track], seen: Sightings, max_gap_frames: int
) -> Iterator[tuple[Track, list[int]]]:
    """For each track the places in its ``rows`` at which it may have gone over to another thing.

    Another track begins or ends, at most ``max_gap_frames`` away, where this one would be had it
    gone on as before; and is there rather than this one.
    """
    jumps = [_jumps(seen.frame[track.rows], seen.box[track.rows]).tolist() for track in tracks]
    begins, ends = [], []
    for track, places in zip(tracks, jumps, strict=True):
        last = len(track.rows) - 1
        begins += [track.rows[at] for at in (0, *places) if at <= _YOUNG]
        ends += [track.rows[at - 1] for at in (*places, last + 1) if at > last - _YOUNG]
    from_there, until_there = _inside(begins, -1, seen), _inside(ends, 1, seen)
    near = max_gap_frames + _NEAR  # what is further away says nothing of a place
    for track, places in zip(tracks, jumps, strict=True):
        frames, found = seen.frame[track.rows].tolist(), []
        for at in places:
            before = Track(track.rows[max(at - near, 0) : at])
            after = Track(track.rows[at : at + near])
            later = frames[at - 1] + 1, frames[at] + max_gap_frames
            earlier = frames[at - 1] - max_gap_frames, frames[at] - 1
            if _continues(before, after, from_there, later, seen) or (
                _continues(after, before, until_there, earlier, seen)
            ):
                found.append(at)
        if found:
            yield track, found


def _inside(rows: list[int], step: int, seen: Sightings) -> NDArray[np.int64]:
    """Those of the rows after which (``step`` 1), or before which, there is more of their scene."""
    found = np.array(rows, np.int64)
    beside = seen.frame[found] + step
    is_there = (beside >= 0) & (beside < len(seen.scene))
    same = seen.scene[beside.clip(0, len(seen.scene) - 1)] == seen.scene[seen.frame[found]]
    return np.asarray(found[is_there & same], np.int64)


def _continues(
    one: Track,
    own: Track,
    others: NDArray[np.int64],
    frames: tuple[int, int],
    seen: Sightings,
) -> bool:
    """Whether one of the ``others`` lies where ``one`` is expected, and rather than its ``own``."""
    at = seen.frame[others]
    for row in others[(at >= frames[0]) & (at <= frames[1])].tolist():
        frame = int(seen.frame[row])
        there = seen.frame[own.rows] == frame
        box = seen.box[own.rows][there][0] if there.any() else expected(own, frame, seen)
        fits = ious(expected(one, frame, seen)[None], np.stack([seen.box[row], box]))[0]
        if fits[0] >= _LEAST_FIT and fits[0] > fits[1]:
            return True
    return False


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

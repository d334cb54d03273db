"""Which detections are one object over time.

All detections of a video are known, so that linking looks in both directions. Confident ones are
linked first, frame by frame, by an optimal assignment (Kuhn 1955, as SORT does, arXiv 1602.00763)
on boxes that are enlarged a little, so that small and fast objects meet (C-BIoU, arXiv 2211.14317).
Then those of low score are taken where they continue a track (as ByteTrack does, arXiv 2110.06864):
inside its gaps, after its end, and before its beginning. No track crosses a scene cut. Where two
things cross, a track may still go over from one to the other: such places are marked in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.exchange import exchanges
from fearrefactor.core.faint import Faint
from fearrefactor.core.motion import areas, grown, ious, overlaps
from fearrefactor.core.sightings import Track, by_frame, expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.sightings import Sightings

# How far boxes are enlarged before they are held against each other, and how much they must then
# overlap; the longer nothing was seen, the further.
_ENLARGE, _ENLARGE_PER_FRAME, _MOST_ENLARGED = 0.25, 0.05, 0.75
_LEAST_IOU = 0.1
# A box of which so much lies in another one is inside it.
_INSIDE = 0.75
# Two boxes of one frame that overlap so much are around one thing.
_SAME_IOU = 0.5


def link(seen: Sightings, max_gap_frames: int) -> list[Track]:
    """Tracks, each with at least one strong sighting; every strong sighting is in exactly one.

    ``max_gap_frames``: how many frames may pass between two sightings of a track.
    """
    doubles = _doubles(seen)
    firsts = seen.strong.copy()
    firsts[list(doubles)] = False
    tracks = _link_strong(np.flatnonzero(firsts), seen, max_gap_frames)
    faint = Faint(seen, doubles, max_gap_frames)
    tracks.sort(key=lambda track: (-len(track.rows), track.rows[0]))
    for track in tracks:
        faint.follow(track)
    tracks = _absorb(_join(tracks, seen, max_gap_frames), seen)
    for track in tracks:
        faint.fill(track)
    owner = {row: track for track in tracks for row in (*track.rows, *track.parts)}
    for row, first in doubles.items():
        if row not in owner:
            owner[first].parts.append(row)
    for track, jumps in exchanges(tracks, seen, max_gap_frames):
        track.jumps = jumps
    return sorted(tracks, key=lambda track: (int(seen.frame[track.rows[0]]), track.rows[0]))


def _doubles(seen: Sightings) -> dict[int, int]:
    """Strong sightings that are another box around the same thing, and whose double each is.

    A model often draws two boxes around one thing for a frame or two. As things of their own they
    would break its track, and would be looked for before and after.
    """
    double_of: dict[int, int] = {}
    for rows in by_frame(np.flatnonzero(seen.strong), seen.frame).values():
        if len(rows) < 2:
            continue
        order = sorted(rows, key=lambda row: -seen.score[row])
        alike = ious(seen.box[order], seen.box[order]) >= _SAME_IOU
        for at, row in enumerate(order):
            firsts = [one for one in np.flatnonzero(alike[at, :at]) if order[one] not in double_of]
            if firsts:
                double_of[row] = order[firsts[0]]
    return double_of


def _link_strong(firsts: NDArray[np.int64], seen: Sightings, max_gap_frames: int) -> list[Track]:
    tracks: list[Track] = []
    live: list[Track] = []
    for frame, rows in sorted(by_frame(firsts, seen.frame).items()):
        live = [
            track
            for track in live
            if frame - seen.frame[track.rows[-1]] <= max_gap_frames + 1
            and seen.scene[seen.frame[track.rows[-1]]] == seen.scene[frame]
        ]
        taken = set()
        for at, which in _assign(live, rows, frame, seen):
            live[at].rows.append(rows[which])
            taken.add(which)
        new = [Track([row]) for which, row in enumerate(rows) if which not in taken]
        tracks += new
        live += new
    return tracks


def _assign(
    live: list[Track], rows: list[int], frame: int, seen: Sightings
) -> Iterable[tuple[int, int]]:
    """Pairs of a live track and one of the ``rows`` that continues it."""
    if not live or not rows:
        return []
    places = np.stack([expected(track, frame, seen) for track in live])
    gaps = np.array([frame - seen.frame[track.rows[-1]] for track in live])
    likeness = _likeness(places, seen.box[rows], gaps[:, None])
    at, which = _most_alike(likeness)
    good = likeness[at, which] >= _LEAST_IOU
    return zip(at[good].tolist(), which[good].tolist(), strict=True)


def _most_alike(likeness: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs that are together most alike, each in one pair at most."""
    if 1 in likeness.shape:  # of one thing among others, the most like it
        at, which = np.unravel_index(likeness.argmax(), likeness.shape)
        return np.array([at]), np.array([which])
    from scipy.optimize import linear_sum_assignment  # 0.4 s that a video of one thing spares

    at, which = linear_sum_assignment(-likeness)
    return at, which


def _likeness(one: Boxes, other: Boxes, gaps: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of enlarged boxes, ``(n, m)``, more enlarged over longer ``gaps`` ``(n, 1)``."""
    out = np.zeros((len(one), len(other)))
    shares = np.minimum(_ENLARGE + _ENLARGE_PER_FRAME * (gaps[:, 0] - 1), _MOST_ENLARGED)
    for share in np.unique(shares):
        same = shares == share
        out[same] = ious(grown(one[same], share), grown(other, share))
    return out


def _join(tracks: list[Track], seen: Sightings, max_gap_frames: int) -> list[Track]:
    """Put tracks together of which one ends where another begins, looking from either side."""
    waiting = sorted(tracks, key=lambda track: int(seen.frame[track.rows[0]]))
    joined: list[Track] = []
    for track in waiting:
        first = track.rows[0]
        before = [
            other
            for other in joined
            if 0 < seen.frame[first] - seen.frame[other.rows[-1]] <= max_gap_frames + 1
            and seen.scene[seen.frame[first]] == seen.scene[seen.frame[other.rows[-1]]]
        ]
        fits = [_fit_of_ends(other, track, seen) for other in before]
        if fits and max(fits) >= _LEAST_IOU:
            before[int(np.argmax(fits))].rows += track.rows
        else:
            joined.append(track)
    return joined


def _fit_of_ends(one: Track, next_one: Track, seen: Sightings) -> float:
    last, first = one.rows[-1], next_one.rows[0]
    gap = np.array([[seen.frame[first] - seen.frame[last]]])
    ahead = _likeness(expected(one, int(seen.frame[first]), seen)[None], seen.box[first][None], gap)
    back = _likeness(
        expected(next_one, int(seen.frame[last]), seen)[None], seen.box[last][None], gap
    )
    return float(max(ahead[0, 0], back[0, 0]))


def _absorb(tracks: list[Track], seen: Sightings) -> list[Track]:
    """Make tracks that are never seen but inside a longer one parts of that.

    They are seen in its box, and only there.
    """
    kept: list[Track] = []
    at: dict[int, list[tuple[Track, int]]] = {}
    for track in sorted(tracks, key=lambda track: -len(track.rows)):
        hosts = _around(track.rows[0], at, seen)
        for one in track.rows[1:]:
            if not hosts:
                break
            here = _around(one, at, seen)
            hosts = [host for host in hosts if host in here]
        if hosts:
            min(hosts, key=lambda host: host.rows[0]).parts += track.rows
            continue
        kept.append(track)
        for row in track.rows:
            at.setdefault(int(seen.frame[row]), []).append((track, row))
    return kept


def _around(
    row: int, at: Mapping[int, Sequence[tuple[Track, int]]], seen: Sightings
) -> list[Track]:
    """The tracks in whose box a sighting is; ``at``: by frame, with their sightings there."""
    here = at.get(int(seen.frame[row]), ())
    if not here:
        return []
    box = seen.box[row][None]
    boxes = seen.box[[host for _, host in here]]
    common = overlaps(box, boxes)[0]
    mine, theirs = areas(box), areas(boxes)
    inside = (common >= _INSIDE * mine) | (common >= _SAME_IOU * (mine + theirs - common))
    return [track for (track, _), is_inside in zip(here, inside.tolist(), strict=True) if is_inside]

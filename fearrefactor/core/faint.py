"""Detections that continue a track: after its end, before its beginning, inside its gaps.

They are those of low score, and second boxes around a thing: where two things cross, the one may
be seen as a second box around the other.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.motion import areas, between, grown, ious, overlaps
from fearrefactor.core.sightings import by_frame, expected

if TYPE_CHECKING:
    from collections.abc import Collection

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.sightings import Sightings, Track

# A weak detection continues a track where the track is expected, or is a part of it.
_CONTINUES_IOU = 0.35
_PART_INSIDE, _PART_MARGIN = 0.75, 0.1
# What the model calls by another name must lie just where the track is expected.
_RENAMED_IOU = 0.55


class Faint:
    """The detections of low score, and the ``doubles``, that no track has taken yet."""

    def __init__(self, seen: Sightings, doubles: Collection[int], max_gap_frames: int) -> None:
        is_free = seen.weak | seen.renamed
        is_free[list(doubles)] = True
        rows = np.flatnonzero(is_free)
        self._seen = seen
        self._max_gap_frames = max_gap_frames
        self._by_frame = by_frame(rows, seen.frame)
        self._free = set(rows.tolist())

    def follow(self, track: Track) -> None:
        """Take those beyond both ends of a track, as far as they go on."""
        for step in (1, -1):
            frame = int(self._seen.frame[track.rows[-1 if step > 0 else 0]])
            scene, missed = self._seen.scene[frame], 0
            while missed <= self._max_gap_frames:
                frame += step
                if not 0 <= frame < len(self._seen.scene) or self._seen.scene[frame] != scene:
                    break
                near = self._near(frame)
                row = self._take(near, expected(track, frame, self._seen)) if near else None
                if row is None:
                    missed += 1
                else:
                    missed = 0
                    track.rows.insert(len(track.rows) if step > 0 else 0, row)

    def fill(self, track: Track) -> None:
        """Take those inside a track's gaps, and those inside the object itself."""
        frames, boxes = self._seen.frame, self._seen.box
        rows = track.rows[:1]
        for last, row in pairwise(track.rows):
            start, end = int(frames[last]), int(frames[row])
            for frame in range(start + 1, end):
                share = (frame - start) / (end - start)
                near = self._near(frame)
                place = between(boxes[last], boxes[row], share)
                found = self._take(near, place) if near else None
                if found is not None:
                    rows.append(found)
            rows.append(row)
        track.rows = rows
        for row in rows:
            near = [one for one in self._near(int(frames[row])) if self._seen.weak[one]]
            if near:
                common = overlaps(grown(boxes[row], _PART_MARGIN)[None], boxes[near])[0]
                inside = common >= _PART_INSIDE * areas(boxes[near])
                parts = [one for one, is_in in zip(near, inside, strict=True) if is_in]
                track.parts += parts
                self._free.difference_update(parts)

    def _near(self, frame: int) -> list[int]:
        return [row for row in self._by_frame.get(frame, ()) if row in self._free]

    def _take(self, near: list[int], place: Boxes) -> int | None:
        """The one that lies best at a place, if it lies well enough; it is then taken."""
        fit = ious(place[None], self._seen.box[near])[0]
        fit[fit < np.where(self._seen.renamed[near], _RENAMED_IOU, _CONTINUES_IOU)] = 0
        best = int(fit.argmax())
        if fit[best] == 0:
            return None
        self._free.discard(near[best])
        return near[best]

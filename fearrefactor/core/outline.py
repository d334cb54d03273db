"""From a track to what it covers in each frame: its masks, moved along with the object.

A mask alone leaks where the model saw only a part. Each frame therefore also gets the masks of its
neighbours, moved and scaled to where the object is now: what a model loses for a frame or two, an
arm or the whole of it, is covered at the price of little more than the object itself.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.motion import acceleration, between, moved, velocity
from fearrefactor.core.placing import Masks
from fearrefactor.core.shapes import agreed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes
    from fearrefactor.core.placing import Scene
    from fearrefactor.core.plan import Provenance
    from fearrefactor.core.shapes import Shape
    from fearrefactor.core.sightings import Track

# Where an object was not seen its mask is widened, by this share of its size for each frame since
# the nearest sighting, up to a limit: between two sightings, and beyond the first or last one.
_UNSURE_BETWEEN, _UNSURE_BEYOND, _MOST_UNSURE = 0.02, 0.045, 0.4
# Beyond the ends of a track nobody knows how it goes on: it may have stopped or gained speed.
_SPEEDS = (0.0, 0.5, 1.0, 1.4)
# A thing that was seen once, and not clearly, is looked for in fewer frames around: so many for
# each whole point of score in its sightings.
_FRAMES_PER_SCORE = 5
# A neighbour's mask that overlaps less belongs to something else.
_LEAST_FIT = 0.3
# One that overlaps so much need not be tried elsewhere; elsewhere, it must fit clearly better.
_GOOD_FIT, _CLEARLY = 0.85, 0.03
# Steps by which a neighbour's mask is pushed to where it fits better, each kept if it helps.
_NUDGES = ((1, 0), (-1, 0), (-1, 0), (0, 1), (0, -1), (0, -1))
# A neighbour's mask shows that something is missing here if it has this much more that is not here
# than the other way round; limbs that only moved are as much here as there. Nor is the outline of
# such a mask to be trusted: it is widened by a share of the object's size.
_MORE, _UNSURE_LACKING = 1.6, 0.02
# Sightings by which it is foreseen how an object goes on.
_NEAR = 10


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What a track covers in one frame; ``shapes`` in fine cells, to be put together.

    ``unsure`` is the share of the object's size by which they are to be widened beside the margin;
    ``row`` is the detection seen there, or the nearest one.
    """

    frame: int
    shapes: tuple[Shape, ...]
    provenance: Provenance
    row: int
    unsure: float = 0.0


class Tracing:
    """Draws the outlines of one track; ``strong`` ``(n,)`` bool: seen with confidence."""

    def __init__(self, track: Track, scene: Scene, strong: NDArray[np.bool_]) -> None:
        self.scene = scene
        self._is_strong = strong
        self.rows = track.rows
        self._frames = scene.detections.frame[track.rows].tolist()
        self._strong = [i for i, row in enumerate(track.rows) if strong[row]]
        self._jumps = track.jumps
        self._parts: dict[int, list[int]] = {}
        for part in track.parts:
            self._parts.setdefault(int(scene.detections.frame[part]), []).append(part)
        self._masks = Masks(scene)

    @property
    def strong_rows(self) -> list[int]:
        """The detections in it that were seen with confidence."""
        return [self.rows[at] for at in self._strong]

    def outlines(self, spread: int, extend: int) -> Iterator[Outline]:
        """From ``extend`` frames before the first sighting to as many after the last one.

        One a frame, in order; then, where the track may have gone over from one thing to another,
        what both of them cover beyond. ``spread``: how many frames before and after lend their
        masks.
        """
        scores = self.scene.detections.score[self.strong_rows]
        extend = min(extend, round(float(scores.sum()) * _FRAMES_PER_SCORE))
        last = len(self.rows) - 1
        yield from reversed(list(self._beyond(0, extend, -1)))
        for at, row in enumerate(self.rows):
            if at:
                yield from self._gap(at)
            yield self._seen(at, row, spread)
        yield from self._beyond(last, extend, 1)
        for at in self._jumps:
            yield from self._beyond(at - 1, extend, 1)
            yield from self._beyond(at, extend, -1)

    def _seen(self, at: int, row: int, spread: int) -> Outline:
        own = self._masks.shape(row)
        frame, parts = self._frames[at], self._parts.get(self._frames[at], [])
        strong = bool(self._is_strong[[row, *parts]].any())
        shapes = [own, *(self._masks.shape(part) for part in parts)]
        low = bisect.bisect_left(self._frames, frame - spread)
        high = bisect.bisect_right(self._frames, frame + spread)
        box = self._foreseen(at)
        lent = [self._lent(self.rows[i], frame, own, box) for i in range(low, high) if i != at]
        witnesses = [shape for shape in lent if shape is not None]
        lacking = _lacking(own, witnesses)
        shapes += lacking
        if len(witnesses) > 1:
            shapes.append(agreed(witnesses, 2))
        if not strong:
            shapes += self._from_anchors(at)
        unsure = _UNSURE_LACKING if lacking else 0.0
        return Outline(frame, tuple(shapes), "detected" if strong else "continued", row, unsure)

    def _foreseen(self, at: int) -> Boxes:
        """Where a sighting's neighbours say that it is; its own box may be that of a mere part."""
        box, frames = self.scene.box, self._frames
        if not 0 < at < len(self.rows) - 1:
            return np.asarray(box[self.rows[at]])
        share = (frames[at] - frames[at - 1]) / (frames[at + 1] - frames[at - 1])
        return between(box[self.rows[at - 1]], box[self.rows[at + 1]], share)

    def _lent(self, giver: int, frame: int, own: Shape, box: Boxes) -> Shape | None:
        """The mask of a neighbour where it fits best, if it fits at all.

        Where a mask lacks one end of the thing, its neighbour fits as well shifted to either side
        of it: then the place counts that the neighbours foresee.
        """
        given = self._masks.shape(giver)
        best = self._masks.placed(giver, frame, box)
        fit = own.iou(best)
        if fit < _GOOD_FIT:
            by_weight = given.shifted(
                round(own.centre[0] - given.centre[0]), round(own.centre[1] - given.centre[1])
            )
            if (better := own.iou(by_weight)) > fit + _CLEARLY:
                fit, best = better, by_weight
        for step in _NUDGES:
            nudged = best.shifted(*step)
            if (better := own.iou(nudged)) > fit:
                fit, best = better, nudged
        return best if fit > _LEAST_FIT else None

    def _from_anchors(self, at: int) -> list[Shape]:
        """The masks of the confident sightings around one that is not, which may be a mere part."""
        frame, box = self._frames[at], self.scene.box
        anchors = list(self._anchors(at))
        if len(anchors) == 2:
            one, other = anchors
            start, end = self._frames[one], self._frames[other]
            place = between(
                box[self.rows[one]], box[self.rows[other]], (frame - start) / (end - start)
            )
        else:
            own, whole = box[self.rows[at]], box[self.rows[anchors[0]]]
            place = whole + np.tile((own[:2] + own[2:] - whole[:2] - whole[2:]) / 2, 2)
        return [self._masks.placed(self.rows[anchor], frame, place) for anchor in anchors]

    def _gap(self, at: int) -> Iterator[Outline]:
        """The frames between a sighting and the one before it."""
        before, after = self.rows[at - 1], self.rows[at]
        start, end = self._frames[at - 1], self._frames[at]
        for frame in range(start + 1, end):
            share = (frame - start) / (end - start)
            box = between(self.scene.box[before], self.scene.box[after], share)
            givers = dict.fromkeys((before, after, *(self.rows[i] for i in self._anchors(at))))
            far = min(frame - start, end - frame)
            cut = self._masks.cut_off(before) | self._masks.cut_off(after)
            yield Outline(
                frame,
                self._masks.unseen(givers, frame, [box], cut),
                "bridged",
                before if share <= 0.5 else after,
                min(_UNSURE_BETWEEN * far, _MOST_UNSURE),
            )

    def _beyond(self, at: int, extend: int, step: int) -> Iterator[Outline]:
        """The frames after a sighting, as if it were the last one (``step`` 1), from near to far.

        Before it, as if it were the first one, where ``step`` is -1.
        """
        at_end = step > 0
        row, start = self.rows[at], self._frames[at]
        near = self.rows[max(at + 1 - _NEAR, 0) : at + 1] if at_end else self.rows[at : at + _NEAR]
        frames, boxes = self.scene.detections.frame[near], self.scene.box[near]
        speed = velocity(frames, boxes, at_end=at_end)
        turn = acceleration(frames, boxes, at_end=at_end)
        givers = dict.fromkeys((row, *(self.rows[i] for i in self._anchors(at))))
        cut = self._masks.cut_off(row)
        for far in range(1, extend + 1):
            frame = start + step * far
            inside = 0 <= frame < len(self.scene.number)
            if not inside or self.scene.number[frame] != self.scene.number[start]:
                return
            time = step * far
            speeds = [speed * share for share in _SPEEDS] + [speed + turn * (time / 2)]
            places = [moved(self.scene.box[row], one, time) for one in speeds]
            yield Outline(
                frame,
                self._masks.unseen(givers, frame, places, cut),
                "extended",
                row,
                min(_UNSURE_BEYOND * far, _MOST_UNSURE),
            )

    def _anchors(self, at: int) -> Iterable[int]:
        """The confident sightings next to a place in the track."""
        place = bisect.bisect_left(self._strong, at)
        return self._strong[max(place - 1, 0) : place + 1]


def _lacking(own: Shape, lent: list[Shape]) -> list[Shape]:
    """Those of the neighbours' masks that show that something is missing in a mask."""
    shown = []
    for shape in lent:
        common = own.common(shape)
        if shape.area - common > _MORE * (own.area - common):
            shown.append(shape)
    return shown

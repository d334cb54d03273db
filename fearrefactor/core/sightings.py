"""What may be parts of tracks, and tracks themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fearrefactor.core.motion import moved, velocity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.motion import Boxes

# Sightings by which it is foreseen where an object goes.
_NEAR = 5


@dataclass(frozen=True, eq=False)
class Sightings:
    """The detections that may be parts of tracks, as arrays over all detections of a video.

    ``frame`` ``(n,)`` int64; ``box`` ``(n, 4)`` float64, steadied; ``score`` ``(n,)`` float32.
    ``strong`` ``(n,)`` bool: of a wanted class, seen with the wanted confidence; ``weak``: with
    less; ``renamed``: of another class. ``scene`` ``(n_frames,)`` int64 numbers the scenes.
    """

    frame: NDArray[np.int64]
    box: Boxes
    score: NDArray[np.float32]
    strong: NDArray[np.bool_]
    weak: NDArray[np.bool_]
    renamed: NDArray[np.bool_]
    scene: NDArray[np.int64]


@dataclass(eq=False)
class Track:
    """One object over time: ``rows`` of detections, one a frame, in order.

    ``parts`` are further rows that lie within it. ``jumps`` are places in ``rows``: the row there
    may be of another object than those before it.
    """

    rows: list[int]
    parts: list[int] = field(default_factory=list)
    jumps: list[int] = field(default_factory=list)


def expected(track: Track, frame: int, seen: Sightings) -> Boxes:
    """Where a track is expected in a frame before or after it."""
    at_end = frame > seen.frame[track.rows[-1]]
    near = track.rows[-_NEAR:] if at_end else track.rows[:_NEAR]
    end = near[-1] if at_end else near[0]
    speed = velocity(seen.frame[near], seen.box[near], at_end=at_end)
    return moved(seen.box[end], speed, float(frame - seen.frame[end]))


def by_frame(rows: NDArray[np.int64], frame: NDArray[np.int64]) -> dict[int, list[int]]:
    """``rows`` of detections by the frame that each is in."""
    found: dict[int, list[int]] = {}
    for row in rows.tolist():
        found.setdefault(int(frame[row]), []).append(row)
    return found

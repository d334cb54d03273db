"""Boxes that move: where an object is likely to be between, before and after its sightings.

Boxes are ``(4,)`` or ``(n, 4)`` float64 xyxy in upright source pixels, steadied: the camera's own
motion is taken out before (see ``core/scenes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

#: Over how many sightings a velocity is taken.
_FIT = 5
#: Frames after which a velocity has lost half of its say: nothing moves on unchanged for long.
_HALF_LIFE = 12.0


def velocity(frames: NDArray[np.int64], boxes: Boxes, *, at_end: bool) -> Boxes:
    """Pixels per frame of each side of a box, at the last or the first of its sightings.

    ``frames``: ``(n,)``, ascending; ``boxes``: ``(n, 4)``. A least-squares line through the nearest
    sightings; a box that was seen once stands still.
    """
    near = slice(-_FIT, None) if at_end else slice(None, _FIT)
    time, sides = frames[near].astype(np.float64), boxes[near]
    if len(time) < 2:
        return np.zeros(4)
    time = time - time.mean()
    speed = time @ (sides - sides.mean(axis=0)) / (time @ time)
    return np.asarray(speed * (1 - 1 / len(time)))  # the fewer, the less it is to be trusted


def acceleration(frames: NDArray[np.int64], boxes: Boxes, *, at_end: bool) -> Boxes:
    """Pixels per frame and frame of each side, at the last or the first of a box's sightings.

    The difference of two velocities, each over a few sightings: single boxes tremble too much.
    """
    half = min(len(frames) // 2, _FIT)
    near = slice(len(frames) - 2 * half, None) if at_end else slice(None, 2 * half)
    time, sides = frames[near], boxes[near]
    if half < 2:
        return np.zeros(4)
    change = velocity(time[half:], sides[half:], at_end=True) - velocity(
        time[:half], sides[:half], at_end=True
    )
    return np.asarray(change / (time[half:].mean() - time[:half].mean()))


def moved(box: Boxes, speed: Boxes, n_frames: float) -> Boxes:
    """A box after ``n_frames`` (before, where negative), its speed fading, never turned inside out.

    Its width and height stay between a third and three times of what they were.
    """
    far = abs(n_frames)
    faded = _HALF_LIFE / np.log(2) * (1 - 0.5 ** (far / _HALF_LIFE)) * np.sign(n_frames)
    new = box + speed * faded
    for low, high in ((0, 2), (1, 3)):
        length = box[high] - box[low]
        half = np.clip(new[high] - new[low], length / 3, length * 3) / 2
        middle = (new[high] + new[low]) / 2
        new[low], new[high] = middle - half, middle + half
    return np.asarray(new)


def between(first: Boxes, last: Boxes, share: float) -> Boxes:
    """The box at a ``share`` of the way from one to another."""
    return first + (last - first) * share


def grown(boxes: Boxes, share: float) -> Boxes:
    """Boxes with ``share`` of their own width and height added on each side."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    add = np.stack([-width, -height, width, height], axis=-1) * share
    return np.asarray(boxes + add)


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Areas of boxes, 0 for those without any."""
    return np.asarray(
        (boxes[..., 2] - boxes[..., 0]).clip(0) * (boxes[..., 3] - boxes[..., 1]).clip(0)
    )


def overlaps(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """Areas that ``n`` boxes have in common with ``m`` others, ``(n, m)``."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return np.asarray((high - low).clip(0).prod(axis=2))


def ious(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """Intersection over union of ``n`` boxes with ``m`` others, ``(n, m)``."""
    common = overlaps(one, other)
    union = areas(one)[:, None] + areas(other)[None] - common
    return np.asarray(common / np.maximum(union, 1e-9))

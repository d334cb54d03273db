"""Places and times that a policy masks whatever is seen there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.plan import Region
from fearrefactor.core.rle import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.policy import Always, Policy

#: Cells along each side of the masks; shares of 1/10, 1/16 and 1/20 fall on an edge.
_CELLS: Final = 160
#: Of a cell and of a second: less than this is the rounding of a decimal number, and no overlap.
_TOUCH: Final = 1e-6


def always_regions(policy: Policy, canvas: Canvas) -> dict[int, tuple[Region, ...]]:
    """By frame index, a region for each entry of ``policy.always`` that is in force in that frame.

    A frame is in a range of time if it is on the screen at any moment of it: one that comes before
    ``start_s`` and is still shown then is masked too. Frames of one range share one region.
    """
    found: dict[int, list[Region]] = {}
    for always in policy.always:
        region = _region(always, canvas)
        for index in np.flatnonzero(_shown(canvas.times_s, always)):
            found.setdefault(int(index), []).append(region)
    return {index: tuple(regions) for index, regions in sorted(found.items())}


def _region(always: Always, canvas: Canvas) -> Region:
    if always.box is not None:
        bits = _box_cells(always.box)
    elif always.polygon is not None:
        bits = _polygon_cells(always.polygon)
    else:
        bits = np.ones((1, 1), np.uint8)
    area_px = float(bits.mean()) * canvas.width_px * canvas.height_px
    return Region(always.effect, encode(bits[None])[0], area_px**0.5, provenance="always")


def _shown(times_s: NDArray[np.float64], always: Always) -> NDArray[np.bool_]:
    """Which frames ``(n,)`` bool are on the screen between ``start_s`` and ``end_s``.

    How long the last one stays is not known: as long as the one that stays longest.
    """
    gone_s = np.append(times_s[1:], times_s[-1:] + np.diff(times_s).max(initial=0.0))
    begun = times_s < (np.inf if always.end_s is None else always.end_s)
    return np.asarray(begun & ((times_s >= always.start_s) | (gone_s > always.start_s + _TOUCH)))


def _box_cells(box: Sequence[float]) -> NDArray[np.uint8]:
    """Every cell that a box ``[x1, y1, x2, y2]`` in shares of the picture touches, at least one."""
    bits = np.zeros((_CELLS, _CELLS), np.uint8)
    left, right = _touched(box[0] * _CELLS, box[2] * _CELLS)
    top, bottom = _touched(box[1] * _CELLS, box[3] * _CELLS)
    left, top = min(left, _CELLS - 1), min(top, _CELLS - 1)
    bits[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
    return bits


def _polygon_cells(points: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    """Every cell that a closed polygon of ``[x, y]`` in shares of the picture touches.

    Those on its outline and those that it winds round: the parts where it overlaps itself count.
    """
    corners = np.array(points, np.float64)
    centres = (np.arange(_CELLS) + 0.5) / _CELLS
    winding = np.zeros((_CELLS, _CELLS), np.int64)
    outline = np.zeros((_CELLS, _CELLS), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (min(y1, y2) <= centres) & (centres < max(y1, y2))
        if crossed.any():
            x = x1 + (centres[crossed] - y1) / (y2 - y1) * (x2 - x1)
            winding[crossed] += (centres > x[:, None]) * int(np.sign(y2 - y1))
        _trace(outline, (x1 * _CELLS, y1 * _CELLS), (x2 * _CELLS, y2 * _CELLS))
    bits = np.asarray(outline | (winding != 0), np.uint8)
    return bits if bits.any() else _box_cells([*corners.min(axis=0), *corners.max(axis=0)])


def _trace(
    outline: NDArray[np.bool_], start: tuple[float, float], end: tuple[float, float]
) -> None:
    """Mark every cell that the line between two points, in cells, runs through.

    A line between two rows or columns runs through neither: which of them lies inside is known by
    the centres of their cells.
    """
    (x1, y1), (x2, y2) = sorted((start, end), key=lambda point: point[1])
    level = y2 - y1 < _TOUCH
    for row in range(*_touched(y1, y2)):
        low, high = (min(max(float(y), y1), y2) for y in (row, row + 1))
        ends = [x1, x2] if level else [x1 + (y - y1) / (y2 - y1) * (x2 - x1) for y in (low, high)]
        left, right = _touched(min(ends), max(ends))
        outline[row, left:right] = True


def _touched(low: float, high: float) -> tuple[int, int]:
    """First and one past the last of the cells between two places; none of no width at an edge."""
    return int(np.floor(low + _TOUCH)), int(np.ceil(high - _TOUCH))

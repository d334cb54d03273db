"""Scene cuts and the motion of the camera, from a few means of each frame.

A sketch is what of a frame is kept for this: the mean brightness of its columns and rows (integral
projections, as used to steady video) and the mean colours of a coarse grid. Nothing can be
recognised in it. Each frame has its own, so that the way a video was cut into segments cannot
change what is found between two frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas

_COLUMNS: Final = 64
_ROWS: Final = 36
_GRID: Final = 4
#: Numbers in a sketch.
SKETCH: Final = _COLUMNS + _ROWS + _GRID * _GRID * 3
_CUT_LEVELS: Final = 18.0
_CLEARLY_BETTER: Final = 0.6
#: Frames are taken so many at once, or the numbers of an hour of them would need gigabytes.
_AT_ONCE: Final = 2048
#: How many frames on either side decide where a cut is.
_BEFORE: Final = 3
_AFTER: Final = 2


def sketch(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sketch ``(SKETCH,)`` uint8 of a picture ``(height, width, 3)`` uint8 RGB."""
    few = picture[::4, ::4].astype(np.float32)  # in which sums of less than 65536 levels are exact
    green = few[:, :, 1]
    columns = _means(green.sum(axis=0) / len(few), _COLUMNS)
    rows = _means(green.sum(axis=1) / few.shape[1], _ROWS)
    grid = _means(_means(few, _GRID), _GRID, axis=1).transpose(2, 0, 1)
    return np.concatenate([columns, rows, grid.ravel()]).round().astype(np.uint8)


def _means(values: NDArray[np.float32], n: int, axis: int = 0) -> NDArray[np.float32]:
    """``values`` averaged over ``n`` equal stretches of one axis, none of them empty."""
    starts, sizes = _stretches(values.shape[axis], n)
    shape = [1] * values.ndim
    shape[axis] = n
    # of a stretch that ends where it starts, reduceat takes the one value there
    return np.asarray(np.add.reduceat(values, starts, axis=axis) / sizes.reshape(shape), np.float32)


@lru_cache(maxsize=64)
def _stretches(size: int, n: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Where ``n`` equal stretches of ``size`` values start, and how many values each has."""
    edges = np.arange(n + 1) * size // n
    return edges[:-1], np.maximum(np.diff(edges), 1).astype(np.float32)


def surrounds(masks: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean colours ``(n, 3)`` just around masks ``(n, h, w)``, of a picture ``(h, w, 3)`` RGB.

    Around means within a fifth of the object's own size of its bounding box. Where the mask fills
    all of that, it is the colour of the whole picture.
    """
    colours = np.empty((len(masks), 3), np.uint8)
    if not len(masks):
        return colours
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))  # long rows add up faster
    in_rows, in_columns = np.asarray(masks.any(axis=2)), np.asarray(masks.any(axis=1))
    for colour, mask, in_row, in_column in zip(colours, masks, in_rows, in_columns, strict=True):
        rows, columns = np.flatnonzero(in_row), np.flatnonzero(in_column)
        n_outside = 0
        if rows.size:
            reach = 2 + (int(rows[-1] - rows[0]) + int(columns[-1] - columns[0])) // 10
            down = slice(max(int(rows[0]) - reach, 0), int(rows[-1]) + reach + 1)
            across = slice(max(int(columns[0]) - reach, 0), int(columns[-1]) + reach + 1)
            outside = mask[down, across] == 0
            n_outside = int(np.count_nonzero(outside))
        if n_outside:
            mean = (planes[:, down, across] * outside).sum(axis=(1, 2)) / n_outside
        else:
            mean = planes.mean(axis=(1, 2))
        colour[:] = mean.round()
    return colours


@dataclass(frozen=True)
class Scenes:
    """What happens between frames.

    ``cut``: ``(f,)`` bool, a new scene begins with this frame. ``camera_px``: ``(f, 2)`` float64,
    how far the picture has moved right and down since frame 0, in upright source pixels.
    """

    cut: NDArray[np.bool_]
    camera_px: NDArray[np.float64]


def scenes_of(sketches: NDArray[np.uint8], canvas: Canvas) -> Scenes:
    """Cuts and camera motion from the sketches ``(f, SKETCH)`` of all frames of a video."""
    n = len(sketches)
    cut, moves = np.zeros(n, bool), np.zeros((n, 2))
    for start in range(0, n, _AT_ONCE):
        end, low = min(start + _AT_ONCE, n), max(start - _BEFORE, 0)
        numbers = sketches[low : end + _AFTER].astype(np.float32)
        here = slice(start - low, end - low)
        cut[start:end] = _cuts(numbers)[here]
        across, down = numbers[:, :_COLUMNS], numbers[:, _COLUMNS : _COLUMNS + _ROWS]
        moves[start:end, 0] = _shifts(across)[here] * canvas.width_px / _COLUMNS
        moves[start:end, 1] = _shifts(down)[here] * canvas.height_px / _ROWS
    moves[cut] = 0
    return Scenes(cut, np.cumsum(moves, axis=0))


def _cuts(numbers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a new scene begins: every pair of near frames across that place differs.

    One pair is not enough: a flash of a frame or two looks like two cuts, and at a false cut a
    thing that blinks would not be bridged.
    """
    n = len(numbers)
    cut = np.zeros(n, bool)
    if n < 2:
        return cut
    least = np.full(n, np.inf, np.float32)
    for before, after in ((1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (3, 0)):
        first = np.clip(np.arange(n) - before, 0, None)
        second = np.clip(np.arange(n) + after, None, n - 1)
        least = np.minimum(least, _difference(numbers[first], numbers[second]))
    cut[1:] = least[1:] > _CUT_LEVELS
    return cut


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the colours of two sketches lie apart, in levels; a change of light counts little."""
    apart = (one - other)[:, _COLUMNS + _ROWS :].reshape(len(one), 3, -1)
    apart = apart - apart.mean(axis=(1, 2), keepdims=True)
    return np.asarray(np.abs(apart).mean(axis=(1, 2)))


def _shifts(lines: NDArray[np.float32]) -> NDArray[np.float64]:
    """By how many means ``(f, n)`` each line lies further on than the one before, ``(f,)``.

    The shift with the least mean square difference, refined by a parabola; 0 where no shift
    explains the change much better than none.
    """
    n_frames, n = lines.shape
    moved = np.zeros(n_frames)
    if n_frames < 2:
        return moved
    before, after = lines[:-1], lines[1:]
    reach = n // 4
    errors = np.stack(
        [
            _error(before[:, max(-s, 0) : n - max(s, 0)], after[:, max(s, 0) : n - max(-s, 0)])
            for s in range(-reach, reach + 1)
        ]
    )
    best = errors.argmin(axis=0)
    inner = np.clip(best, 1, 2 * reach - 1)
    at = np.arange(n_frames - 1)
    left, middle, right = errors[inner - 1, at], errors[inner, at], errors[inner + 1, at]
    bend = left - 2 * middle + right
    offset = np.where(bend > 1e-6, 0.5 * (left - right) / np.maximum(bend, 1e-6), 0.0)
    found = inner - reach + np.clip(offset, -1, 1)
    clear = errors[best, at] < _CLEARLY_BETTER * errors[reach, at]
    moved[1:] = np.where(clear | (np.abs(found) < 1), found, 0.0)
    return moved


def _error(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    apart = after - before
    apart = apart - apart.mean(axis=1, keepdims=True)
    return np.asarray((apart**2).mean(axis=1))

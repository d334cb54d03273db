"""Scene cuts and the motion of the camera, from a few means of each frame.

A sketch is what of a frame is kept for this: the mean brightness of its columns and rows (integral
projections, as used to steady video) and the mean colours of a coarse grid. Nothing can be
recognised in it. Each frame has its own, so that the way a video was cut into segments cannot
change what is found between two frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLUMNS: Final = 64
_ROWS: Final = 36
_GRID: Final = 4
#: Numbers in a sketch.
SKETCH: Final = _COLUMNS + _ROWS + _GRID * _GRID * 3


def sketch(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sketch ``(SKETCH,)`` uint8 of a picture ``(height, width, 3)`` uint8 RGB."""
    few = picture[::4, ::4].astype(np.float32)
    columns = _means(few[:, :, 1].mean(axis=0), _COLUMNS)
    rows = _means(few[:, :, 1].mean(axis=1), _ROWS)
    across = np.stack([_means(colour, _GRID, axis=1) for colour in few.transpose(2, 0, 1)])
    grid = _means(across, _GRID, axis=1)
    return np.concatenate([columns, rows, grid.ravel()]).round().astype(np.uint8)


def _means(values: NDArray[np.float32], n: int, axis: int = 0) -> NDArray[np.float64]:
    """``values`` averaged over ``n`` equal stretches of one axis."""
    size = values.shape[axis]
    edges = np.arange(n) * size // n
    ends = np.maximum((np.arange(n) + 1) * size // n, edges + 1)
    total = np.cumsum(values, axis=axis, dtype=np.float64)
    total = np.insert(total, 0, 0, axis=axis)
    shape = [1] * values.ndim
    shape[axis] = n
    part = np.take(total, ends, axis=axis) - np.take(total, edges, axis=axis)
    return np.asarray(part / (ends - edges).reshape(shape))


def surrounds(masks: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean colours ``(n, 3)`` just around masks ``(n, h, w)``, of a picture ``(h, w, 3)`` RGB.

    Around means within a fifth of the object's own size of its bounding box. Where the mask fills
    all of that, it is the colour of the whole picture.
    """
    colours = np.empty((len(masks), 3), np.uint8)
    for colour, mask in zip(colours, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        outside = np.zeros((0, 3), np.uint8)
        if rows.size:
            reach = 2 + (int(rows[-1] - rows[0]) + int(columns[-1] - columns[0])) // 10
            window = (
                slice(max(rows[0] - reach, 0), rows[-1] + reach + 1),
                slice(max(columns[0] - reach, 0), columns[-1] + reach + 1),
            )
            outside = picture[window][mask[window] == 0]
        colour[:] = (outside if len(outside) else picture.reshape(-1, 3)).mean(axis=0).round()
    return colours

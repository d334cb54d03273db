"""Things that move through a picture as a camera sees them, and what a model would see of them.

Where a thing is in each frame is known exactly, so that a test can hold a mask plan against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.detections import Detections
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import SKETCH
from fearrefactor.core.shapes import FINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.plan import MaskPlan

HEIGHT, WIDTH, CELL_PX = 56, 100, 4
RATE, N_FRAMES = 24, 36
CANVAS = Canvas(WIDTH * CELL_PX, HEIGHT * CELL_PX, np.arange(N_FRAMES) / RATE)
#: A thing that comes in counts as visible from this share of its area on.
VISIBLE = 0.1
STRONG = 0.9
#: Less of a thing than this, covered in a frame, and it is exposed there.
COVERED = 0.9


@dataclass(frozen=True)
class Ellipse:
    """A thing in one frame; centre and half axes in cells of the model's mask."""

    column: float
    row: float
    half_width: float
    half_height: float

    def bits(self) -> NDArray[np.bool_]:
        """``(HEIGHT * FINE, WIDTH * FINE)`` bool: the part of it in the picture."""
        y, x = np.ogrid[: HEIGHT * FINE, : WIDTH * FINE]
        across = ((x + 0.5) / FINE - self.column) / self.half_width
        down = ((y + 0.5) / FINE - self.row) / self.half_height
        return np.asarray(across**2 + down**2 <= 1)

    @property
    def area(self) -> float:
        """Its whole area in fine cells."""
        return float(np.pi * self.half_width * self.half_height * FINE**2)


#: A thing over time, one ellipse a frame.
Path: TypeAlias = "tuple[Ellipse, ...]"


@dataclass(frozen=True)
class Motion:
    """How a thing moves: past ``place`` (column, row) in frame ``middle``.

    ``speed`` is in sizes a frame, ``way`` its direction in radians; ``swing`` is how far, in sizes,
    it swings about its way within ``period`` frames; ``zoom`` is the growth a frame. Sizes are the
    root of the area; ``aspect`` is height over width.
    """

    place: tuple[float, float]
    half_width: float
    aspect: float = 1.0
    middle: int = N_FRAMES // 2
    speed: float = 0.0
    way: float = 0.0
    swing: float = 0.0
    period: float = 24.0
    zoom: float = 0.0

    @property
    def size(self) -> float:
        """The root of its area in cells, in frame ``middle``."""
        return float(self.half_width * np.sqrt(np.pi * self.aspect))

    def path(self) -> Path:
        """Where it is in each frame."""
        return tuple(self._at(frame - self.middle) for frame in range(N_FRAMES))

    def _at(self, time: int) -> Ellipse:
        along = self.speed * self.size * time
        beside = self.swing * self.size * np.sin(2 * np.pi * time / self.period)
        ahead, aside = np.cos(self.way), np.sin(self.way)
        half_width = self.half_width * np.exp(self.zoom * time)
        return Ellipse(
            self.place[0] + along * ahead - beside * aside,
            self.place[1] + along * aside + beside * ahead,
            half_width,
            half_width * self.aspect,
        )


@dataclass(frozen=True, eq=False)
class Thing:
    """A path with what of it is in the picture; ``frames`` in which it exists at all."""

    path: Path
    frames: range = range(N_FRAMES)

    def visible(self) -> dict[int, float]:
        """The share of its area that is in the picture, in frames in which it counts as visible."""
        shares = {i: np.count_nonzero(self.path[i].bits()) / self.path[i].area for i in self.frames}
        return {i: share for i, share in shares.items() if share >= VISIBLE}


def seen(
    things: Sequence[Thing],
    scores: Sequence[Mapping[int, float]],
    tremble: NDArray[np.float64] | None = None,
    cut: int | None = None,
) -> Detections:
    """What a model sees of things: every frame of ``visible``, with confidence.

    ``scores``: for each thing, by frame, a score in place of that; 0 is not seen at all.
    ``tremble``: ``(things, N_FRAMES, 4)`` shares of its size by which a box is off. A new scene
    begins in frame ``cut``.
    """
    rows = []
    for number, thing in enumerate(things):
        for frame in thing.visible():
            score = scores[number].get(frame, STRONG)
            if score:
                bits = thing.path[frame].bits()
                box = _box_px(bits)
                if tremble is not None:
                    box = box + tremble[number, frame] * CELL_PX * thing.path[frame].area ** 0.5
                rows.append((frame, score, box, _as_the_model_says(bits)))
    rows.sort(key=lambda row: row[0])
    sketches = np.zeros((N_FRAMES, SKETCH), np.uint8)
    if cut is not None:
        sketches[cut:] = np.random.default_rng(5).integers(0, 256, SKETCH, np.uint8)
    return Detections(
        frames=np.arange(N_FRAMES),
        sketch=sketches,
        checksum=np.zeros(N_FRAMES, np.uint32),
        frame=np.array([row[0] for row in rows], np.int64),
        class_id=np.zeros(len(rows), np.int32),
        score=np.array([row[1] for row in rows], np.float32),
        box=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        mask=tuple(encode(row[3][None])[0] for row in rows),
        surround=np.zeros((len(rows), 3), np.uint8),
    )


def uncovered(plan: MaskPlan, things: Sequence[Thing]) -> list[tuple[int, int, float]]:
    """Which thing is exposed in which frame, with the share of its visible part that is covered."""
    found = []
    covered = [covered_cells(plan, frame) for frame in range(N_FRAMES)]
    for number, thing in enumerate(things):
        for frame in thing.visible():
            bits = thing.path[frame].bits()
            share = np.count_nonzero(bits & covered[frame]) / np.count_nonzero(bits)
            if share < COVERED:
                found.append((number, frame, round(float(share), 2)))
    return found


def covered_cells(plan: MaskPlan, frame: int) -> NDArray[np.bool_]:
    """Fine cells that are masked in a frame."""
    cells = np.zeros((HEIGHT * FINE, WIDTH * FINE), bool)
    for region in plan.regions.get(frame, ()):
        cells |= region.mask.bits().astype(bool)
    return cells


def _box_px(bits: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    corners = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)
    return np.asarray(corners * CELL_PX / FINE)


def _as_the_model_says(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    cells = bits.reshape(HEIGHT, FINE, WIDTH, FINE).any(axis=(1, 3))
    return np.asarray(cells, np.uint8)

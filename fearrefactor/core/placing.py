"""The masks of a video's detections, and how they are put to other places in other frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.shapes import Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.motion import Boxes

_KEPT_SHAPES = 256


@dataclass(frozen=True, eq=False)
class Scene:
    """The detections of a video, measured in fine cells.

    ``box``: ``(n, 4)`` steadied; ``camera``: ``(n_frames, 4)``, added to a box of a frame it gives
    the place in the picture; ``grid``: rows and columns of the picture; ``number``:
    ``(n_frames,)`` int64, ascending, counts the scenes.
    """

    detections: Detections
    box: Boxes
    camera: Boxes
    grid: tuple[int, int]
    number: NDArray[np.int64]


class Masks:
    """The masks of a scene's detections, by row."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._shapes: dict[int, Shape] = {}

    def cut_off(self, row: int) -> NDArray[np.bool_]:
        """Which sides of a detection, ``(4,)`` bool, lie at the border of the picture."""
        rows, columns = self.scene.grid
        low = self._place(row) <= 1
        high = self._place(row) >= np.array([columns, rows, columns, rows]) - 1
        return np.concatenate([low[:2], high[2:]])

    def _place(self, row: int) -> Boxes:
        """The box of a detection in its own frame's picture."""
        place = self.scene.box[row] + self.scene.camera[self.scene.detections.frame[row]]
        return np.asarray(place)

    def placed(self, giver: int, frame: int, box: Boxes) -> Shape:
        """A mask moved and scaled from its own box to a steadied one in another frame."""
        return self.shape(giver).warped(self._place(giver), box + self.scene.camera[frame])

    def unseen(
        self, givers: Iterable[int], frame: int, boxes: Iterable[Boxes], cut: NDArray[np.bool_]
    ) -> tuple[Shape, ...]:
        """Masks put to where the thing may be in a frame in which it was not seen.

        A side that is ``cut`` off by the picture's border does not tell where the thing's own side
        is: the mask is then also put there in its own size, by the opposite side.
        """
        shapes = []
        for giver in givers:
            source = self._place(giver)
            for box in boxes:
                target = box + self.scene.camera[frame]
                shapes.append(self.shape(giver).warped(source, target))
                if cut.any():
                    for low, high in ((0, 2), (1, 3)):
                        if cut[low] and not cut[high]:
                            target[low] = target[high] - (source[high] - source[low])
                        elif cut[high] and not cut[low]:
                            target[high] = target[low] + (source[high] - source[low])
                    shapes.append(self.shape(giver).warped(source, target))
        return tuple(shapes)

    def shape(self, row: int) -> Shape:
        """The mask of a detection."""
        shape = self._shapes.get(row)
        if shape is None:
            if len(self._shapes) >= _KEPT_SHAPES:
                self._shapes.clear()
            bits = self.scene.detections.mask[row].bits()
            shape = self._shapes[row] = shape_of(bits, self._place(row))
        return shape

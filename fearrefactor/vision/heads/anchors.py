"""Heads with anchors: YOLOv5 and YOLOv7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates
from fearrefactor.vision.heads.boxes import corners

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Anchors:
    """``(b, n, 5 + nc + 32)``: box xywh, objectness, class scores, coefficients."""

    overlapping = True

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.n_columns = 5 + n_classes + N_COEFFICIENTS

    def rows(self, predictions: Any) -> Any:
        """The predictions as they are."""
        return predictions

    def bounds(self, rows: Any) -> Any:
        """Objectness: class scores are at most 1, so no product is larger."""
        return rows[:, :, 4:5]

    def read(self, rows: NDArray[np.float32]) -> Candidates:
        """``(m, n_columns)`` to candidates, each of its best class; score × objectness."""
        classes = rows[:, 5 : 5 + self.n_classes] * rows[:, 4:5]
        return Candidates(
            boxes=corners(rows[:, :4]),
            scores=classes.max(axis=1),
            class_ids=classes.argmax(axis=1).astype(np.int32),
            coefficients=rows[:, 5 + self.n_classes :],
        )

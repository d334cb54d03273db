"""Heads without anchors: YOLOv8 and YOLO11."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates
from fearrefactor.vision.heads.boxes import corners

if TYPE_CHECKING:
    from numpy.typing import NDArray


class AnchorFree:
    """``(b, 4 + nc + 32, n)``: box xywh, class scores, coefficients."""

    overlapping = True

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.n_columns = 4 + n_classes + N_COEFFICIENTS

    def rows(self, predictions: Any) -> Any:
        """The predictions, rows first."""
        return predictions.swapaxes(1, 2)

    def bounds(self, rows: Any) -> Any:
        """The class scores."""
        return rows[:, :, 4 : 4 + self.n_classes]

    def read(self, rows: NDArray[np.float32]) -> Candidates:
        """``(m, n_columns)`` to candidates, each of its best class."""
        classes = rows[:, 4 : 4 + self.n_classes]
        return Candidates(
            boxes=corners(rows[:, :4]),
            scores=classes.max(axis=1),
            class_ids=classes.argmax(axis=1).astype(np.int32),
            coefficients=rows[:, 4 + self.n_classes :],
        )

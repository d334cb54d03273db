"""Heads that name each thing once: YOLO26, and others in the manner of YOLOv10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EndToEnd:
    """``(b, k, 6 + 32)``: box xyxy, score, class id, coefficients."""

    overlapping = False

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.n_columns = 6 + N_COEFFICIENTS

    def rows(self, predictions: Any) -> Any:
        """The predictions as they are."""
        return predictions

    def bounds(self, rows: Any) -> Any:
        """The scores."""
        return rows[:, :, 4:5]

    def read(self, rows: NDArray[np.float32]) -> Candidates:
        """``(m, n_columns)`` to candidates."""
        return Candidates(
            boxes=rows[:, :4],
            scores=rows[:, 4],
            class_ids=np.nan_to_num(rows[:, 5], nan=-1, posinf=-1, neginf=-1)
            .round()
            .astype(np.int32),
            coefficients=rows[:, 6:],
        )

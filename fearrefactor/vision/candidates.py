"""What a head has read from its rows, and which of it stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.vision.segmenter import DetectSettings


#: How many prototypes a mask is mixed from, in every family that is read here.
N_COEFFICIENTS = 32


@dataclass(frozen=True)
class Candidates:
    """Possible instances of one frame, in pixels of the model's input.

    ``boxes`` ``(n, 4)`` float32 xyxy; ``scores`` ``(n,)`` float32; ``class_ids`` ``(n,)`` int32;
    ``coefficients`` ``(n, 32)`` float32, what the prototypes are multiplied with.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    coefficients: NDArray[np.float32]

    def take(self, indices: NDArray[np.intp]) -> Candidates:
        """Those at ``indices``, in that order."""
        return Candidates(
            boxes=self.boxes[indices],
            scores=self.scores[indices],
            class_ids=self.class_ids[indices],
            coefficients=self.coefficients[indices],
        )


def best(
    candidates: Candidates, settings: DetectSettings, n_classes: int, *, overlapping: bool
) -> Candidates:
    """Candidates above the floor, the best of those that overlap, the highest score first.

    ``overlapping`` says that the head names one thing several times, so that it takes NMS.

    Raises:
        ModelError: a box, score or coefficient is not finite, or a class id names no class.
    """
    kept = candidates.take(np.flatnonzero(candidates.scores >= settings.score_floor))
    for what, values in (
        ("boxes", kept.boxes),
        ("scores", kept.scores),
        ("mask coefficients", kept.coefficients),
    ):
        if not np.isfinite(values).all():
            raise ModelError(f"expected finite {what}, the model answered NaN or infinity")
    if kept.class_ids.size and not (0 <= kept.class_ids.min() <= kept.class_ids.max() < n_classes):
        raise ModelError(
            f"expected class ids below {n_classes}, the model answered {kept.class_ids.min()} "
            f"to {kept.class_ids.max()}"
        )
    if overlapping:
        chosen = suppress(kept.boxes, kept.scores, kept.class_ids, settings.nms_iou)
    else:
        chosen = np.argsort(-kept.scores, kind="stable")
    return kept.take(chosen[: settings.max_instances])


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    iou: float,
) -> NDArray[np.intp]:
    """Indices that greedy non-maximum suppression within each class leaves, best first.

    A box goes when it overlaps a better one of its class with an intersection over union above
    ``iou``. Equal scores keep their order, as in ``torchvision.ops.nms``.
    """
    order = np.argsort(-scores, kind="stable")
    left, top, right, bottom = np.ascontiguousarray(boxes[order].T)
    areas, classes = (right - left) * (bottom - top), class_ids[order]
    waiting = np.ones(len(order), bool)
    chosen: list[int] = []
    for first in range(len(order)):
        if not waiting[first]:
            continue
        chosen.append(first)
        rest = slice(first + 1, None)
        width = np.minimum(right[rest], right[first]) - np.maximum(left[rest], left[first])
        height = np.minimum(bottom[rest], bottom[first]) - np.maximum(top[rest], top[first])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        union = areas[rest] + areas[first] - shared
        # boxes without area have no ratio and overlap nothing
        ratio = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
        # float64, as torchvision compares: a float32 of 0.1 is above 0.1
        above = ratio > np.float64(iou)
        waiting[rest] &= ~(above & (classes[rest] == classes[first]))
    return order[chosen]

"""What each kind of head says, read on the device where it was said; as ``heads`` do in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from fearrefactor.vision.heads.anchor_free import AnchorFree
from fearrefactor.vision.heads.anchors import Anchors

if TYPE_CHECKING:
    from fearrefactor.vision.heads import HeadReader


@dataclass(frozen=True)
class DeviceCandidates:
    """``Candidates`` as tensors, of the frames of a batch one after the other.

    ``boxes`` ``(m, 4)`` float32 xyxy; ``scores`` ``(m,)`` float32; ``class_ids`` ``(m,)`` int32;
    ``coefficients`` ``(m, 32)`` float32.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    class_ids: torch.Tensor
    coefficients: torch.Tensor

    def take(self, indices: torch.Tensor) -> DeviceCandidates:
        """Those at ``indices``, or where it is true, in that order."""
        return DeviceCandidates(
            boxes=self.boxes[indices],
            scores=self.scores[indices],
            class_ids=self.class_ids[indices],
            coefficients=self.coefficients[indices],
        )


def read(head: HeadReader, rows: torch.Tensor) -> DeviceCandidates:
    """``(m, head.n_columns)`` float32 rows to candidates, in the same arithmetic as ``head.read``.

    A class id that is no number comes out as -1.
    """
    if isinstance(head, Anchors):
        return _best_class(rows, rows[:, 5 : 5 + head.n_classes] * rows[:, 4:5], 5)
    if isinstance(head, AnchorFree):
        return _best_class(rows, rows[:, 4 : 4 + head.n_classes], 4)
    return DeviceCandidates(
        boxes=rows[:, :4],
        scores=rows[:, 4],
        class_ids=rows[:, 5].nan_to_num(-1, -1, -1).round().to(torch.int32),
        coefficients=rows[:, 6:],
    )


def _best_class(rows: torch.Tensor, classes: torch.Tensor, first_class: int) -> DeviceCandidates:
    half = rows[:, 2:4] / 2
    scores, class_ids = classes.max(1)
    return DeviceCandidates(
        boxes=torch.cat([rows[:, :2] - half, rows[:, :2] + half], 1),
        scores=scores,
        class_ids=class_ids.to(torch.int32),
        coefficients=rows[:, first_class + classes.shape[1] :],
    )

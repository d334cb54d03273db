"""From a network's answers to instances, on the device; what comes back is packed in one piece.

The same arithmetic as ``candidates`` and ``masks`` do in numpy, in the same order, so that it is
the same answer. Only a frame with more candidates than real ones ever have takes the numpy way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import CELL
from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import N_COEFFICIENTS, best
from fearrefactor.vision.device_heads import DeviceCandidates, read
from fearrefactor.vision.heads import confident

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.vision.heads import HeadReader
    from fearrefactor.vision.segmenter import DetectSettings

#: Comparing each with each takes their square of memory.
_CROWDED: Final = 1024
_MAX_PAIRS: Final = 1 << 25
_BITS: Final = (128, 64, 32, 16, 8, 4, 2, 1)


def answers(
    head: HeadReader,
    told: tuple[torch.Tensor, torch.Tensor],
    settings: DetectSettings,
    input_shape: tuple[int, int, int],
) -> list[Instances]:
    """Instances of each frame; ``told`` are predictions and prototypes as in ``Network``.

    ``input_shape``: frames, height and width of the input.

    Raises:
        ModelError: they are of another shape, or rubbish.
    """
    predictions, prototypes = told
    n_frames, height, width = input_shape
    expected = (n_frames, N_COEFFICIENTS, height // CELL, width // CELL)
    if tuple(prototypes.shape) != expected:
        raise ModelError(f"expected prototypes {expected}, got {tuple(prototypes.shape)}")
    if not bool(torch.isfinite(prototypes).all()):
        raise ModelError("expected finite prototypes, the model answered NaN or infinity")
    rows, counts = confident(head, predictions, n_frames, settings.score_floor)
    rows = rows.float()
    found = _crowded if max(counts) > _CROWDED else _best
    kept, n_kept = found(head, rows, counts, settings)
    return _brought_back(kept, n_kept, _packed_masks(kept, n_kept, prototypes))


def _best(
    head: HeadReader, rows: torch.Tensor, counts: list[int], settings: DetectSettings
) -> tuple[DeviceCandidates, list[int]]:
    """As ``candidates.best``, for all frames at once; how many of each frame stay."""
    read_rows = read(head, rows)
    above = read_rows.scores >= settings.score_floor
    _check(read_rows.take(above), head.n_classes)
    place = _places(counts).to(rows.device)
    scores = torch.full((len(counts), max(counts)), -1.0, device=rows.device)
    scores.view(-1)[place] = torch.where(above, read_rows.scores, -1.0)
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    kept = scores >= 0
    row_at = torch.zeros(scores.numel(), dtype=torch.int64, device=rows.device)
    row_at[place] = torch.arange(len(rows), device=rows.device)
    row_at = row_at.view_as(order).gather(1, order)
    if head.overlapping and len(rows):
        boxes, class_ids = read_rows.boxes[row_at], read_rows.class_ids[row_at]
        step = max(1, _MAX_PAIRS // max(counts) ** 2)
        parts = (slice(first, first + step) for first in range(0, len(counts), step))
        kept = torch.cat(
            [suppress(boxes[p], class_ids[p], kept[p], settings.nms_iou) for p in parts]
        )
    kept &= kept.cumsum(1) <= settings.max_instances
    return read_rows.take(row_at[kept]), kept.sum(1).tolist()


def suppress(
    boxes: torch.Tensor, class_ids: torch.Tensor, valid: torch.Tensor, iou: float
) -> torch.Tensor:
    """As ``candidates.suppress``, on ``(b, k)`` boxes, the best first: ``(b, k)`` bool, which stay.

    A box stays if no better one that stays overlaps it. What a round says of the best ``i`` boxes
    is final after ``i`` rounds, and chains of boxes that suppress each other are short.
    """
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    sides = (high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    union = areas[:, None, :] + areas[:, :, None] - shared
    ratio = torch.where(union > 0, shared / union, 0)
    over = (ratio.double() > iou) & (class_ids[:, :, None] == class_ids[:, None, :])
    over = over.triu(1) & valid[:, :, None]
    kept = valid
    while True:
        again = valid & ~(over & kept[:, :, None]).any(1)
        if torch.equal(again, kept):
            return kept
        kept = again


def _crowded(
    head: HeadReader, rows: torch.Tensor, counts: list[int], settings: DetectSettings
) -> tuple[DeviceCandidates, list[int]]:
    """As ``_best``, in numpy and one frame after the other."""
    parts = [
        best(head.read(part), settings, head.n_classes, overlapping=head.overlapping)
        for part in np.split(rows.cpu().numpy(), np.cumsum(counts)[:-1])
    ]

    def sent(name: str) -> torch.Tensor:
        together = np.concatenate([getattr(part, name) for part in parts])
        return torch.from_numpy(together).to(rows.device)

    names = ("boxes", "scores", "class_ids", "coefficients")
    return DeviceCandidates(*map(sent, names)), [len(part.scores) for part in parts]


def _check(kept: DeviceCandidates, n_classes: int) -> None:
    """The laws that ``candidates.best`` holds candidates to."""
    ids = kept.class_ids
    fine = torch.stack(
        [
            torch.isfinite(kept.boxes).all(),
            torch.isfinite(kept.coefficients).all(),
            ((ids >= 0) & (ids < n_classes)).all(),
        ]
    ).tolist()
    for what, is_fine in zip(("boxes", "mask coefficients"), fine[:2], strict=True):
        if not is_fine:
            raise ModelError(f"expected finite {what}, the model answered NaN or infinity")
    if not fine[2]:
        raise ModelError(
            f"expected class ids below {n_classes}, the model answered {int(ids.min())} "
            f"to {int(ids.max())}"
        )


def _places(counts: list[int]) -> torch.Tensor:
    """Where each row goes among ``len(counts)`` lines of ``max(counts)``."""
    width = max(counts)
    lines = [np.arange(count) + line * width for line, count in enumerate(counts)]
    return torch.from_numpy(np.concatenate(lines))


def _packed_masks(
    kept: DeviceCandidates, counts: list[int], prototypes: torch.Tensor
) -> torch.Tensor:
    """``(m, h, w / 8)`` uint8: a bit for each cell that is in the mask and touched by its box."""
    height, width = prototypes.shape[2:]
    cells = torch.cat([(kept.boxes[:, :2] / CELL).floor(), (kept.boxes[:, 2:] / CELL).ceil()], 1)
    left, top, right, bottom = cells[:, :, None].unbind(1)
    across = torch.arange(width, device=cells.device)
    down = torch.arange(height, device=cells.device)
    columns, rows = (across >= left) & (across < right), (down >= top) & (down < bottom)
    weights = torch.tensor(_BITS, dtype=torch.uint8, device=cells.device)
    packed, first = [], 0
    for count, mixed in zip(counts, prototypes, strict=True):
        here = slice(first, first + count)
        logits = kept.coefficients[here] @ mixed.float().flatten(1)
        inside = (logits > 0).view(count, height, width)
        inside &= rows[here, :, None] & columns[here, None, :]
        eights = inside.view(count, height, width // 8, 8)
        packed.append((eights * weights).sum(-1, dtype=torch.uint8))
        first += count
    return torch.cat(packed)


def _brought_back(
    kept: DeviceCandidates, counts: list[int], packed: torch.Tensor
) -> list[Instances]:
    """Instances of each frame, after one transfer."""
    parts = (kept.boxes, kept.scores, kept.class_ids, packed)
    sent = torch.cat([part.contiguous().view(-1).view(torch.uint8) for part in parts])
    buffer = sent.cpu().numpy()
    n = len(kept.scores)
    ends = np.cumsum([16 * n, 4 * n, 4 * n]).tolist()
    boxes = buffer[: ends[0]].view(np.float32).reshape(n, 4)
    scores = buffer[ends[0] : ends[1]].view(np.float32)
    class_ids = buffer[ends[1] : ends[2]].view(np.int32)
    masks = np.unpackbits(buffer[ends[2] :].reshape(packed.shape), axis=-1)
    edges = np.cumsum(counts)[:-1]
    columns: list[list[NDArray[Any]]] = [
        np.split(values, edges) for values in (boxes, scores, class_ids, masks)
    ]
    return [Instances(*frame) for frame in zip(*columns, strict=True)]

"""Two maskings of one detect pass, held side by side against what people have drawn.

``single`` masks each frame by what was seen in it, as most tools do: instances that a rule matches,
their masks as they are. ``plan`` is the whole mask plan, as ``mask`` would render it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fearrefactor.core.decide import decide
from fearrefactor.evaluate.scores import Coverage, hits_by_confidence
from fearrefactor.media.annotation import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.rle import Mask
    from fearrefactor.core.video import VideoInfo
    from fearrefactor.evaluate.look import Watched

Masking = Literal["single", "plan"]
MASKINGS: tuple[Masking, ...] = ("single", "plan")


@dataclass(frozen=True)
class Drawn:
    """One annotated frame.

    ``here`` ``(height, width)`` bool: where the object is. ``crowd``, of the same shape, is where
    nobody has drawn single things apart: what is masked there is neither right nor wrong.
    """

    frame: int
    here: NDArray[np.bool_]
    crowd: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Measured:
    """What was counted in one video or image.

    ``frames`` ``(n,)`` int64: the annotated ones. ``single_hit_px`` ``(n, 19)`` int64: pixels of
    the object that single-frame masks hit at each of ``CONFIDENCES``.
    """

    name: str
    classes: tuple[str, ...]
    frames: NDArray[np.int64]
    coverage: Mapping[Masking, Coverage]
    single_hit_px: NDArray[np.int64]


def measure(
    name: str, classes: tuple[str, ...], seen: Watched, drawn: Iterable[Drawn], policy: Policy
) -> Measured:
    """Count pixels in every annotated frame, at the frame's own size.

    ``classes`` are those of the object; the curve is theirs at any confidence.

    Raises:
        PolicyError: the model lacks a class.
    """
    info, detections = seen.info, seen.detections
    plan = decide(detections, policy, seen.card, seen.canvas)
    matched = _matched(detections, policy, seen.card)
    named = np.isin(detections.class_id, [seen.card.class_id(known) for known in classes])
    frames, object_px, px, hits = [], [], [], []
    for one in drawn:
        rows = np.flatnonzero(detections.frame == one.frame)
        areas = {
            "single": _union([detections.mask[row] for row in rows if matched[row]], info),
            "plan": _union([region.mask for region in plan.regions.get(one.frame, ())], info),
        }
        if one.crowd is not None:
            areas = {masking: area & ~one.crowd for masking, area in areas.items()}
        frames.append(one.frame)
        object_px.append(np.count_nonzero(one.here))
        px.append([[area.sum(), (area & one.here).sum()] for area in areas.values()])
        hits.append(hits_by_confidence(_best(detections, rows[named[rows]], info), one.here))
    return Measured(
        name,
        classes,
        np.array(frames, np.int64),
        _coverage(np.array(object_px, np.int64), np.array(px, np.int64), info),
        np.array(hits, np.int64),
    )


def _coverage(
    object_px: NDArray[np.int64], px: NDArray[np.int64], info: VideoInfo
) -> dict[Masking, Coverage]:
    """``px``: ``(n, 2, 2)``, by frame and masking the pixels masked, and hit."""
    picture_px = np.full_like(object_px, info.width_px * info.height_px)
    return {
        masking: Coverage(object_px, px[:, i, 0], px[:, i, 1], picture_px)
        for i, masking in enumerate(MASKINGS)
    }


def _matched(detections: Detections, policy: Policy, card: ModelCard) -> NDArray[np.bool_]:
    """``(n,)`` bool: instances that a rule names and that were seen with its confidence."""
    matched = np.zeros(len(detections), bool)
    for rule in policy.rules:
        ids = [card.class_id(name) for name in rule.classes]
        sure = detections.score >= np.float32(rule.confidence)
        matched |= np.isin(detections.class_id, ids) & sure
    return matched


def _union(masks: Sequence[Mask], info: VideoInfo) -> NDArray[np.bool_]:
    """``(height, width)`` bool: what the renderer would mask."""
    area = np.zeros((info.height_px, info.width_px), bool)
    for mask in masks:
        rows, columns, where = inside(mask, info)
        area[rows, columns] |= where
    return area


def _best(detections: Detections, chosen: NDArray[np.intp], info: VideoInfo) -> NDArray[np.float32]:
    """``(height, width)``: the highest score of the chosen instances that cover a pixel, or 0."""
    best = np.zeros((info.height_px, info.width_px), np.float32)
    for index in chosen.tolist():
        rows, columns, where = inside(detections.mask[index], info)
        score = detections.score[index]
        best[rows, columns] = np.maximum(best[rows, columns], np.where(where, score, 0))
    return best

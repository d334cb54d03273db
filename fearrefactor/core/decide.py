"""From everything that was seen to the mask plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.rle import Mask, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy, Rule
    from fearrefactor.core.video import Canvas


def decide(detections: Detections, policy: Policy, card: ModelCard, canvas: Canvas) -> MaskPlan:
    """What is masked where, as a pure function of all detections of a video and the policy.

    Every instance that a rule matches is masked with its mask widened by the rule's margin. The
    same detections give the same plan however the video was cut.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    rules_of = _rules_by_class(policy, card)
    regions: dict[int, list[Region]] = {}
    for row in range(len(detections)):
        score = float(detections.score[row])
        for rule in rules_of.get(int(detections.class_id[row]), ()):
            if score >= rule.confidence:
                region = _region(detections.mask[row], detections.box[row], rule, canvas)
                regions.setdefault(int(detections.frame[row]), []).append(region)
                break
    return MaskPlan(
        n_frames=len(detections.frames),
        regions={frame: tuple(found) for frame, found in regions.items()},
    )


def _rules_by_class(policy: Policy, card: ModelCard) -> dict[int, list[Rule]]:
    rules: dict[int, list[Rule]] = {}
    for rule in policy.rules:
        for name in rule.classes:
            rules.setdefault(card.class_id(name), []).append(rule)
    return rules


def _region(mask: Mask, box: NDArray[np.float32], rule: Rule, canvas: Canvas) -> Region:
    cell_width = canvas.width_px / mask.width
    cell_height = canvas.height_px / mask.height
    bits = mask.bits()
    if not bits.any():  # seen, but too small for a mask of its own: its box is what we know
        left = min(np.floor(box[0] / cell_width), mask.width - 1)
        top = min(np.floor(box[1] / cell_height), mask.height - 1)
        right, bottom = np.ceil(box[2] / cell_width), np.ceil(box[3] / cell_height)
        bits[
            int(top) : max(int(bottom), int(top) + 1), int(left) : max(int(right), int(left) + 1)
        ] = 1
    size = float(np.count_nonzero(bits)) ** 0.5
    widened = widen(bits, round(rule.margin * size + 0.5))
    size_px = size * (cell_width * cell_height) ** 0.5
    return Region(effect=rule.effect, mask=encode(widened[None])[0], size_px=size_px)


def widen(bits: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Grow a ``(height, width)`` mask by ``cells`` in all directions, as an octagon.

    Steps with 4 and with 8 neighbours take turns, which stays within 8 % of a disc.
    """
    out = bits.astype(bool)
    for step in range(cells):
        padded = np.pad(out, 1)
        across = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
        if step % 2:
            out = across[:-2] | across[1:-1] | across[2:]
        else:
            out = across[1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1]
    return out.astype(np.uint8)

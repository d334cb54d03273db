"""From everything that was seen to what is masked in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from fearrefactor.core.policy import Effect  # noqa: TC001 - pydantic reads it at run time
from fearrefactor.core.rle import Mask, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy, Rule
    from fearrefactor.core.video import VideoInfo


@dataclass(frozen=True, slots=True)
class Region:
    """One thing to mask in one frame.

    ``mask`` covers the whole upright frame at its own resolution and is already widened;
    ``size_px`` is the object's size in upright source pixels, by which the effect scales.
    """

    effect: Effect
    mask: Mask
    size_px: float


#: How the regions of some frames, by frame index, become JSON and come back.
REGIONS = TypeAdapter(dict[int, tuple[Region, ...]])


@dataclass(frozen=True)
class MaskPlan:
    """For each frame of a video the regions to mask; frames without any are not listed."""

    n_frames: int
    regions: dict[int, tuple[Region, ...]]

    def __post_init__(self) -> None:
        outside = [index for index in self.regions if not 0 <= index < self.n_frames]
        if outside or not all(self.regions.values()):
            msg = f"expected frames in [0, {self.n_frames}) with regions each, got {outside}"
            raise ValueError(msg)

    @property
    def n_masked_frames(self) -> int:
        """How many frames have something to mask."""
        return len(self.regions)

    def between(self, first_frame: int, end_frame: int) -> dict[int, tuple[Region, ...]]:
        """The regions of frames ``[first_frame, end_frame)``, by frame index of the video."""
        return {i: self.regions[i] for i in range(first_frame, end_frame) if i in self.regions}


def decide(detections: Detections, policy: Policy, card: ModelCard, info: VideoInfo) -> MaskPlan:
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
                region = _region(detections.mask[row], detections.box[row], rule, info)
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


def _region(mask: Mask, box: NDArray[np.float32], rule: Rule, info: VideoInfo) -> Region:
    cell_width = info.upright_width_px / mask.width
    cell_height = info.upright_height_px / mask.height
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

"""What a masked video still shows: which frames the audit looks at, and what counts as a leak.

The audit gives masked frames, as they will be published, to the model once more. An instance that a
masking rule names and that is found with the rule's confidence is a leak of one of two kinds:

- *through* the plan: at least half of its mask lies in planned regions. The effect was not applied,
  or does not hide the thing. What counts is the share
  of the found mask and not its IoU with the region: regions are widened, united over frames and,
  where an object was not seen, much larger than it, so that an IoU would let pass whatever is found
  in a part of a large region.
- *outside* the plan: more than half of it lies in no region. It was missed, or the mask is
  somewhere else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fearrefactor.core.keep import kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan, Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.rle import Mask

AuditMode = Literal["none", "sampled", "all"]
_MODES: Final[tuple[AuditMode, ...]] = ("none", "sampled", "all")

#: Of this many masked frames in a row the sampled audit looks at one.
SAMPLED_OF: Final = 10
_INSIDE: Final = 0.5
#: How little is known of a region: what was not seen there at all is the most likely to be wrong.
_DOUBT: Final = {"bridged": 2, "extended": 2, "continued": 1}


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that is still found in a masked frame.

    ``row`` is its place among the detections of the audit; ``covered`` the share of its mask that
    lies in planned regions; ``track`` that of the region through which it is found, -1 where it is
    found outside the plan or through a region of no track.
    """

    frame: int
    class_id: int
    score: float
    row: int
    covered: float
    track: int = -1

    @property
    def is_through(self) -> bool:
        """Whether it is found where a track was masked."""
        return self.track >= 0


def modes_as_close(mode: AuditMode | None) -> tuple[AuditMode, ...]:
    """The modes that look at least as closely; without a wish all of them, the likeliest first."""
    return ("sampled", "none", "all") if mode is None else _MODES[_MODES.index(mode) :]


def frames_to_audit(plan: MaskPlan, mode: AuditMode) -> tuple[int, ...]:
    """Which frames the model is to look at again, in order; it does not depend on any cut.

    ``all``: every masked frame. ``sampled``: of each ten masked frames in a row one, first of all
    one with a track that was not looked at yet, then one where the plan is least sure, then the
    one in their middle.
    """
    masked = sorted(plan.regions)
    if mode == "none" or not masked:
        return ()
    if mode == "all":
        return tuple(masked)
    ends = _ends_of_tracks(plan)
    audited: set[int] = set()
    chosen = []
    for part in np.array_split(np.array(masked), -(-len(masked) // SAMPLED_OF)):
        worths = [
            (
                len(_seen_tracks(plan.regions[frame]) - audited),
                _doubt(plan.regions[frame]) + (frame in ends),
                -abs(frame - float(part.mean())),
            )
            for frame in part.tolist()
        ]
        best = int(part[worths.index(max(worths))])
        audited |= _seen_tracks(plan.regions[best])
        chosen.append(best)
    return tuple(chosen)


def _seen_tracks(regions: Sequence[Region]) -> set[int]:
    """Tracks with something to see: beyond its ends, nothing may be there to be found."""
    return {r.track for r in regions if r.provenance in {"detected", "continued", "audit"}}


def _doubt(regions: Sequence[Region]) -> int:
    return max(_DOUBT.get(region.provenance, 0) for region in regions)


def _ends_of_tracks(plan: MaskPlan) -> set[int]:
    """The frames in which a track is masked first and last."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for frame in sorted(plan.regions):
        for region in plan.regions[frame]:
            first.setdefault(region.track, frame)
            last[region.track] = frame
    return {*first.values(), *last.values()}


def find_leaks(
    plan: MaskPlan, seen_again: Detections, policy: Policy, card: ModelCard, canvas: Canvas
) -> tuple[Leak, ...]:
    """What ``seen_again``, the model's answers for masked frames, holds that should be hidden.

    What is visible on purpose is no leak: classes before a masked background, instances that a
    ``keep`` rule protects or that are smaller than their rule's ``min_area``, and anything that no
    rule names, a dog that has become a "cat" included.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    named = _to_be_hidden(seen_again, policy, card, canvas)
    by_frame: defaultdict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(named & ~kept(seen_again, policy, card)).tolist():
        by_frame[int(seen_again.frame[row])].append(row)
    leaks = []
    for frame, rows in by_frame.items():
        regions = plan.regions.get(frame, ())
        found = [found_cells(seen_again, row, canvas) for row in rows]
        height, width = _finest([region.mask for region in regions], found[0].shape)
        cells = [_on_grid(region.mask.bits().astype(bool), height, width) for region in regions]
        planned = np.any(cells, axis=0) if cells else np.zeros((height, width), bool)
        for row, bits in zip(rows, found, strict=True):
            fine = _on_grid(bits, height, width)
            covered = float(planned[fine].mean())
            leaks.append(
                Leak(
                    frame,
                    int(seen_again.class_id[row]),
                    float(seen_again.score[row]),
                    row,
                    covered,
                    _track_at(fine, regions, cells) if covered >= _INSIDE else -1,
                )
            )
    return tuple(leaks)


def found_cells(detections: Detections, row: int, canvas: Canvas) -> NDArray[np.bool_]:
    """The cells ``(height, width)`` bool of an instance: its box where it has no mask."""
    mask = detections.mask[row]
    bits = mask.bits().astype(bool)
    if not bits.any():
        to_cells = np.array([mask.width / canvas.width_px, mask.height / canvas.height_px] * 2)
        left, top, right, bottom = (detections.box[row] * to_cells).tolist()
        left, top = min(int(left), mask.width - 1), min(int(top), mask.height - 1)
        bits[
            top : max(int(np.ceil(bottom)), top + 1), left : max(int(np.ceil(right)), left + 1)
        ] = 1
    return bits


def _to_be_hidden(
    seen: Detections, policy: Policy, card: ModelCard, canvas: Canvas
) -> NDArray[np.bool_]:
    """Which instances ``(n,)`` bool a rule masks."""
    hidden = np.zeros(len(seen), bool)
    on_purpose = np.zeros(len(seen), bool)
    for rule in policy.rules:
        hit = np.isin(seen.class_id, [card.class_id(name) for name in rule.classes])
        if rule.effect.is_background:
            on_purpose |= hit
            continue
        hit &= seen.score >= np.float32(rule.confidence)
        if rule.min_area:
            rows = np.flatnonzero(hit)
            areas = [float(found_cells(seen, row, canvas).mean()) for row in rows.tolist()]
            hit[rows] = np.array(areas) >= rule.min_area
        hidden |= hit
    return hidden & ~on_purpose


def _track_at(
    found: NDArray[np.bool_], regions: Sequence[Region], cells: Sequence[NDArray[np.bool_]]
) -> int:
    """The track whose region covers most of ``found``; -1 where no track does.

    Places that are always masked, and backgrounds, were not made for this thing.
    """
    common = [int(np.count_nonzero(found & bits)) for bits in cells]
    tracked = [i for i, region in enumerate(regions) if region.track >= 0 and common[i]]
    return regions[max(tracked, key=common.__getitem__)].track if tracked else -1


def _finest(masks: Sequence[Mask], least: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the finest grid among the masks."""
    return (
        max([least[0], *(mask.height for mask in masks)]),
        max([least[1], *(mask.width for mask in masks)]),
    )


def _on_grid(bits: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """The same mask on a finer grid, each cell as its nearest one was."""
    rows = (2 * np.arange(height) + 1) * bits.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * bits.shape[1] // (2 * width)
    return np.asarray(bits[rows[:, None], columns])

"""Whether a person should look at a masked video before it is published, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.rle import decode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.plan import MaskPlan, Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.rle import Mask

#: Masked there although nothing was seen there with the policy's confidence.
_UNSEEN: Final = frozenset({"continued", "bridged", "extended", "doubt"})


def review_reasons(plan: MaskPlan, policy: Policy, canvas: Canvas) -> tuple[str, ...]:
    """Why the policy wants this video to be looked at, a sentence each; empty if it does not.

    Each says what was measured, the policy's limit, and where it lasts longest, in seconds from
    the first frame.
    """
    limits, n_masked = policy.review, plan.n_masked_frames
    if not n_masked:
        return ()
    reasons = []
    masked = np.zeros(plan.n_frames, bool)
    masked[list(plan.regions)] = True
    if limits.masked_frames is not None and n_masked / plan.n_frames > limits.masked_frames:
        reasons.append(
            f"masked in {_of(n_masked, plan.n_frames, 'frames')}, "
            f"limit {_percent(limits.masked_frames)}; {_where(masked, canvas)}"
        )
    if limits.masked_area is not None:
        area = _masked_area(plan)
        if area.mean() > limits.masked_area:
            reasons.append(
                f"masked over {_percent(float(area.mean()))} of the picture on average, "
                f"limit {_percent(limits.masked_area)}; {_where(area > limits.masked_area, canvas)}"
            )
    if limits.uncertain is not None:
        uncertain = np.zeros(plan.n_frames, bool)
        uncertain[[index for index, found in plan.regions.items() if is_uncertain(found)]] = True
        n_uncertain = int(np.count_nonzero(uncertain))
        if n_uncertain / n_masked > limits.uncertain:
            reasons.append(
                f"something is masked that was not clearly seen there in "
                f"{_of(n_uncertain, n_masked, 'masked frames')}, "
                f"limit {_percent(limits.uncertain)}; {_where(uncertain, canvas)}"
            )
    return tuple(reasons)


def is_uncertain(regions: Sequence[Region]) -> bool:
    """Whether a region rests on nothing that was seen in this frame with confidence."""
    seen = {region.track for region in regions if region.provenance == "detected"} - {-1}
    return any(region.provenance in _UNSEEN and region.track not in seen for region in regions)


def _masked_area(plan: MaskPlan) -> NDArray[np.float64]:
    """The share of the picture that is masked in each frame, ``(n_frames,)``."""
    area = np.zeros(plan.n_frames)
    last: frozenset[Mask] = frozenset()
    share = 0.0
    for index in sorted(plan.regions):
        masks = frozenset(region.mask for region in plan.regions[index])
        if masks != last:  # masks of fixed places are the same in every frame
            last, share = masks, union_share(masks)
        area[index] = share
    return area


def union_share(masks: Collection[Mask]) -> float:
    """The share of the picture in any of the masks, on a grid as fine as the finest of them."""
    largest = max(mask.area() / (mask.height * mask.width) for mask in masks)
    if len(masks) == 1 or largest == 1:
        return largest
    height = max(mask.height for mask in masks)
    width = max(mask.width for mask in masks)
    union = np.zeros((height, width), bool)
    for size in {(mask.height, mask.width) for mask in masks}:
        alike = [mask for mask in masks if (mask.height, mask.width) == size]
        bits = np.bitwise_or.reduce(decode(alike), axis=2).astype(bool)
        if size != union.shape:
            rows = (2 * np.arange(height) + 1) * size[0] // (2 * height)
            columns = (2 * np.arange(width) + 1) * size[1] // (2 * width)
            bits = bits[rows[:, None], columns]
        union |= bits
    return float(union.mean())


def _where(flagged: NDArray[np.bool_], canvas: Canvas) -> str:
    """The longest run of flagged frames, in words."""
    edges = np.flatnonzero(np.diff(flagged, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    first, last = int(starts[longest]), int(ends[longest]) - 1
    if first == last:
        return f"longest at {canvas.times_s[first]:.1f} s"
    return f"longest from {canvas.times_s[first]:.1f} s to {canvas.times_s[last]:.1f} s"


def _of(n: int, total: int, what: str) -> str:
    """A share with the number that it is a share of."""
    return f"{_percent(n / total)} of {total} {what}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"

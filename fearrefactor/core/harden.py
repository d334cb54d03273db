"""From the leaks of a rendered plan to a plan that hides more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.decide import decide
from fearrefactor.core.detections import Detections
from fearrefactor.core.leaks import SAMPLED_OF
from fearrefactor.core.plan import MaskPlan
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.core.shapes import widened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.leaks import Leak
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.rle import Mask

#: By how much of an object's size its mask is widened where its effect is made stronger, so many
#: times, and its box where that is filled: nothing of its outline is to be left.
_WIDER, _STRONGER, _WIDER_BOX = 0.15, 2.0, 0.1
_SOFT: Final = frozenset({"blur", "mosaic"})
#: What is found through a mask and reaches beyond it by more than the rest of this share was also
#: missed in part.
_WHOLE: Final = 0.9


def harden(
    plan: MaskPlan,
    leaks: Sequence[Leak],
    *,
    hardened: AbstractSet[int] = frozenset(),
    seen_again: Detections,
    seen_first: Detections,
    policy: Policy,
    card: ModelCard,
    canvas: Canvas,
) -> MaskPlan:
    """``plan`` with the ``leaks`` closed that were found in ``seen_again``.

    A track that is recognised through its mask gets a wider and stronger one; where that is not
    enough (it is one of those ``hardened`` before) or not possible, its widened bounding box is
    filled. Either is done in all of its frames, so that it does not flicker. What was found outside
    the plan is decided as if the first pass had seen it: with the policy's effect, and also before
    and after, wherever the detections of the first pass (``seen_first``, of all frames) continue it
    faintly.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    through = {leak.track for leak in leaks if leak.is_through}
    regions = {
        frame: tuple(
            _hidden_better(r, canvas, again=r.track in hardened) if r.track in through else r
            for r in found
        )
        for frame, found in plan.regions.items()
    }
    missed = [leak.row for leak in leaks if not leak.is_through or leak.covered < _WHOLE]
    if missed:
        detections = _merged(seen_first, _faint(seen_first, policy, card), seen_again, missed)
        more = decide(detections, _rules_only(policy, seen_again, canvas), card, canvas)
        first_number = 1 + max((r.track for found in regions.values() for r in found), default=-1)
        for frame, found in more.regions.items():
            added = (
                replace(r, provenance="audit", track=first_number + r.track if r.track >= 0 else -1)
                for r in found
            )
            regions[frame] = (*regions.get(frame, ()), *added)
    return MaskPlan(plan.n_frames, dict(sorted(regions.items())))


def changed_frames(before: MaskPlan, after: MaskPlan) -> tuple[int, ...]:
    """The frames that two plans of one video mask differently, in order."""
    frames = before.regions.keys() | after.regions.keys()
    return tuple(sorted(i for i in frames if before.regions.get(i) != after.regions.get(i)))


def _rules_only(policy: Policy, seen_again: Detections, canvas: Canvas) -> Policy:
    """The policy for what was missed; exceptions, places and backgrounds are in the plan already.

    Between two frames that a sample has looked at, a thing may have come or gone: tracks reach as
    far as the next of them.
    """
    frames = seen_again.frames
    apart = min(int(np.diff(frames).max(initial=1)), 2 * SAMPLED_OF)
    times = canvas.times_s
    reach_s = float(times[-1] - times[0]) / max(len(times) - 1, 1) * (apart - 1)
    rules = tuple(
        rule.model_copy(update={"extend_s": max(rule.extend_s, reach_s)})
        for rule in policy.rules
        if not rule.effect.is_background
    )
    return policy.model_copy(update={"rules": rules, "always": (), "keep": ()})


def _faint(seen: Detections, policy: Policy, card: ModelCard) -> NDArray[np.intp]:
    """Rows of what was seen too faintly to be masked for its own sake."""
    confidence = np.full(len(card.classes), np.inf, np.float32)
    for rule in policy.rules:
        ids = [card.class_id(name) for name in rule.classes]
        confidence[ids] = np.minimum(confidence[ids], np.float32(rule.confidence))
    return np.flatnonzero(seen.score < confidence[seen.class_id])


def _merged(
    seen_first: Detections, faint: NDArray[np.intp], seen_again: Detections, missed: list[int]
) -> Detections:
    """Some rows of a first and of a second look at a video, as what was seen in it."""
    frame = np.concatenate([seen_first.frame[faint], seen_again.frame[missed]])
    order = np.argsort(frame, kind="stable")
    masks = [*(seen_first.mask[i] for i in faint), *(seen_again.mask[i] for i in missed)]
    return Detections(
        frames=seen_first.frames,
        sketch=seen_first.sketch,
        checksum=seen_first.checksum,
        frame=frame[order],
        class_id=np.concatenate([seen_first.class_id[faint], seen_again.class_id[missed]])[order],
        score=np.concatenate([seen_first.score[faint], seen_again.score[missed]])[order],
        box=np.concatenate([seen_first.box[faint], seen_again.box[missed]])[order],
        mask=tuple(masks[i] for i in order),
        surround=np.concatenate([seen_first.surround[faint], seen_again.surround[missed]])[order],
    )


def _hidden_better(region: Region, canvas: Canvas, *, again: bool) -> Region:
    if again or region.effect.kind not in _SOFT:
        return _filled(region, canvas)
    strength = min(max(region.effect.strength, 1.0) * _STRONGER, 4.0)
    effect = region.effect.model_copy(update={"strength": strength, "feather": 0.0})
    cell_px = (canvas.width_px * canvas.height_px / (region.mask.height * region.mask.width)) ** 0.5
    mask = widened(region.mask, max(round(_WIDER * region.size_px / cell_px), 1))
    return replace(region, effect=effect, mask=mask)


def _filled(region: Region, canvas: Canvas) -> Region:
    color = region.effect.color if region.effect.kind == "fill" else Effect().color
    mask = _widened_box(region.mask, region.size_px * _WIDER_BOX, canvas)
    return replace(region, effect=Effect(kind="fill", color=color), mask=mask)


def _widened_box(mask: Mask, by_px: float, canvas: Canvas) -> Mask:
    bits = mask.bits()
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    up = int(np.ceil(by_px * mask.height / canvas.height_px))
    across = int(np.ceil(by_px * mask.width / canvas.width_px))
    top, left = max(int(rows[0]) - up, 0), max(int(columns[0]) - across, 0)
    bits[top : int(rows[-1]) + up + 1, left : int(columns[-1]) + across + 1] = 1
    return encode(np.ascontiguousarray(bits)[None])[0]

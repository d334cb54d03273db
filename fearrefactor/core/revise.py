"""What a person who has looked at a masked video wants masked beside: a policy, and a plan.

The policy says it for the whole video. The plan that was looked at is a part of the new one, so
that nothing is seen again that was hidden then, also what only the audit had found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ValidationError

from fearrefactor.core.plan import MaskPlan
from fearrefactor.core.policy import Policy, Review, Rule, plain_names
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fearrefactor.core.decisions import More
    from fearrefactor.core.plan import Region

_SUFFIX: Final = "-more"
_NAME_LENGTH: Final = 64


def revised(policy: Policy, more: More) -> Policy:
    """``policy`` with ``more``.

    Without ``more.keep`` all that a rule masks for its score is masked still; what was masked as a
    part of a track may not be, which is why plans are ``joined``. The limits of review are dropped,
    since a person has looked. Rules that leave things clear before a hidden background stay as they
    are: to widen them would hide less. A class of which small ones were left alone has none left
    alone if ``more`` names it, and one that such a background leaves clear is masked before it.

    Raises:
        PolicyError: what is to be kept is not masked anyway.
    """
    rules = [_lowered(rule, more) for rule in policy.rules]
    added = [name for name in more.classes if not plain_names([name]) <= _masked(rules)]
    if added:
        rules.insert(_background(rules), _first_of(policy, rules, added, more))
    changed = policy.model_copy(
        update={
            "name": policy.name[: _NAME_LENGTH - len(_SUFFIX)] + _SUFFIX,
            "rules": tuple(rules),
            "always": (*policy.always, *more.always),
            "keep": (*policy.keep, *more.keep),
            "review": Review(),
        }
    )
    try:
        # Every field is said, so that the preset fills in none.
        return Policy.model_validate(changed.model_dump())
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise PolicyError(f"policy {policy.name} with what is to be kept: {said}") from error


def joined(plan: MaskPlan, earlier: MaskPlan) -> MaskPlan:
    """``plan`` with all that ``earlier``, of the same frames, masks.

    A region of the earlier plan is left out where the new one has the same, or one of the same
    track that hides all of it as well; the others are of tracks whose numbers follow.

    Raises:
        ValueError: they are plans of different numbers of frames.
    """
    if plan.n_frames != earlier.n_frames:
        msg = f"expected two plans of one video, got {plan.n_frames} and {earlier.n_frames} frames"
        raise ValueError(msg)
    first = 1 + max((r.track for found in plan.regions.values() for r in found), default=-1)
    regions = dict(plan.regions)
    for frame, found in earlier.regions.items():
        here = regions.get(frame, ())
        same = set(here)
        lost = [r for r in found if r not in same and not _is_hidden(r, here)]
        kept = (replace(r, track=first + r.track) if r.track >= 0 else r for r in lost)
        regions[frame] = (*here, *kept)
    return MaskPlan(plan.n_frames, dict(sorted(regions.items())))


def _lowered(rule: Rule, more: More) -> Rule:
    if rule.effect.is_background:
        return rule
    changes: dict[str, Any] = {}
    if more.confidence is not None:
        changes["confidence"] = min(rule.confidence, more.confidence)
    if more.margin is not None:
        changes["margin"] = max(rule.margin, more.margin)
    if plain_names(rule.classes) & plain_names(more.classes):
        changes["min_area"] = 0.0
    return rule.model_copy(update=changes)


def _background(rules: Sequence[Rule]) -> int:
    """The number of the rule that leaves things clear; one past the last where there is none."""
    return next((n for n, rule in enumerate(rules) if rule.effect.is_background), len(rules))


def _masked(rules: Sequence[Rule]) -> set[str]:
    """Classes that are masked, and not left clear by an earlier rule."""
    at = _background(rules)
    left_clear = plain_names(name for rule in rules[at : at + 1] for name in rule.classes)
    after = plain_names(name for rule in rules[at + 1 :] for name in rule.classes) - left_clear
    return plain_names(name for rule in rules[:at] for name in rule.classes) | after


def _first_of(policy: Policy, rules: Sequence[Rule], classes: list[str], more: More) -> Rule:
    """A rule for ``classes`` like the first one that masks things, or as the preset has it."""
    like = next((rule for rule in rules if not rule.effect.is_background), None)
    if like is None:
        filled = Policy.model_validate({"preset": policy.preset, "rules": [{"classes": classes}]})
        return _lowered(filled.rules[0], more)
    return like.model_copy(update={"classes": tuple(classes), "min_area": 0.0})


def _is_hidden(region: Region, here: Iterable[Region]) -> bool:
    """Whether its track hides all of it ``here``, and as well; masks of others are not opened."""
    return any(
        (other.track, other.class_id) == (region.track, region.class_id)
        and other.effect == region.effect
        and other.size_px >= region.size_px
        and (other.mask.height, other.mask.width) == (region.mask.height, region.mask.width)
        and bool(np.all(other.mask.bits() >= region.mask.bits()))
        for other in here
    )

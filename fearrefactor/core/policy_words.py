"""A policy in plain English, for those who answer for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.core.policy import SURROUND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule


def in_words(policy: Policy) -> str:
    """All that a policy does, its defaults included, a line for each thing."""
    lines = [line for rule in policy.rules for line in _rule(rule)]
    lines += [_always(always) for always in policy.always]
    lines += [_keep(keep) for keep in policy.keep]
    if not any(rule.effect.is_background for rule in policy.rules):
        lines.append("Everything else is left as it is.")
    if policy.in_doubt == "whole_frame":
        lines.append(
            "A frame is filled as a whole if something that was there before or after was not "
            "seen in it with confidence."
        )
    if policy.keep_tags:
        lines.append(f"Of the file's texts also {', '.join(policy.keep_tags)} are kept.")
    lines += _review(policy.review)
    lines.append(
        "If the audit still finds what was masked, "
        + ("the video fails." if policy.on_leak == "fail" else "a person is to look at the video.")
    )
    return "\n".join(lines)


def _rule(rule: Rule) -> Iterator[str]:
    them = f"every {_or(rule.classes)} seen with a confidence of at least {rule.confidence:g}"
    if rule.min_area:
        them += f" and not smaller than {_percent(rule.min_area)} of the picture"
    reach = f"{_percent(rule.margin)} of its size beyond its outline"
    if rule.effect.is_background:
        yield f"Everything but {them} is {_how(rule.effect)}; it stays clear to {reach}."
    else:
        yield f"{them[0].upper()}{them[1:]} is {_how(rule.effect)}, {reach}."
    done = "left clear" if rule.effect.is_background else "masked"
    if rule.spread_frames:
        frames = "frame" if rule.spread_frames == 1 else f"{rule.spread_frames} frames"
        yield f"  It is also {done} where it is in the {frames} before and after."
    yield (
        f"  Where it is lost from sight it stays {done}: {_up_to(rule.bridge_s)} between two "
        f"sightings, and {_up_to(rule.extend_s)} before the first and after the last."
    )


def _how(effect: Effect) -> str:
    picture = f"the picture {effect.image}"
    if effect.image and effect.image.startswith("data:"):
        picture = "a picture"
    color = "the mean colour around it" if effect.color == SURROUND else effect.color
    how = {
        "blur": "blurred",
        "mosaic": "covered with a mosaic",
        "fill": f"filled with {color}",
        "background-blur": "blurred",
        "background-image": f"replaced with {picture}",
        "sticker": f"covered with {picture}, and with {color} where that leaves it free",
    }[effect.kind]
    if effect.strength != 1 and effect.kind in {"blur", "mosaic", "background-blur"}:
        how += f" at {effect.strength:g} times the usual strength"
    if effect.feather:
        how += f", fading in over {_percent(effect.feather)} of its size"
    return how


def _always(always: Always) -> str:
    where = "the whole frame"
    if always.box is not None:
        x1, y1, x2, y2 = map(_percent, always.box)
        where = f"the rectangle from {x1} to {x2} of the width and {y1} to {y2} of the height"
    elif always.polygon is not None:
        corners = ", ".join(f"({_percent(x)}, {_percent(y)})" for x, y in always.polygon)
        where = f"the polygon with its corners at {corners} of width and height"
    when = f"From {always.start_s:g} s" if always.start_s else "From the beginning"
    when += " to the end" if always.end_s is None else f" to {always.end_s:g} s"
    return f"{when}, {where} is {_how(always.effect)}, whatever is seen there."


def _keep(keep: Keep) -> str:
    return (
        f"Not masked is every {_or(keep.classes)} that lies to at least {_percent(keep.share)} "
        f"inside a {_or(keep.inside)} seen with a confidence of at least {keep.confidence:g}."
    )


def _review(review: Review) -> Iterator[str]:
    unseen = "something is masked that was not clearly seen there"
    reasons = (
        (review.masked_frames, "something is masked in more than {} of the frames"),
        (review.masked_area, "more than {} of the picture is masked, on average over all frames"),
        (review.uncertain, f"{unseen} in more than {{}} of the masked frames"),
    )
    for limit, reason in reasons:
        if limit is not None:
            yield f"A person is to look at the video if {reason.format(_percent(limit))}."


def _up_to(seconds: float) -> str:
    return f"up to {seconds:g} s" if seconds else "not at all"


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _or(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

"""What a policy says where its file is silent: how cautious it is, in one word."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

Preset = Literal["comfort", "privacy", "strict"]
#: What each preset sets in every rule, and in the policy, where the file is silent.
PRESETS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "comfort": ({}, {}),
    "privacy": (
        {
            "confidence": 0.15,
            "effect": {"kind": "fill", "color": "surround"},
            "margin": 0.12,
            "spread_frames": 2,
            "bridge_s": 2.0,
            "extend_s": 0.6,
        },
        {},
    ),
    "strict": (
        {
            "confidence": 0.1,
            "effect": {"kind": "fill"},
            "margin": 0.15,
            "spread_frames": 2,
            "bridge_s": 3.0,
            "extend_s": 1.0,
        },
        {"in_doubt": "whole_frame"},
    ),
}


#: What each is for, in a line.
PURPOSE: Final[dict[Preset, str]] = {
    "comfort": "for viewers who would rather not see a thing",
    "privacy": "for people who must not be recognised",
    "strict": "where a single frame that shows the thing does harm",
}


def filled_in(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy's fields with what its preset says wherever it and its rules are silent.

    Rules may be values or what a file says of them. Whatever else stands there is left as it is,
    to be refused by the policy itself.
    """
    preset = policy.get("preset", "comfort")
    if not isinstance(preset, str) or preset not in PRESETS:
        return policy
    for_rules, for_policy = PRESETS[preset]
    filled = {**for_policy, **policy}
    if for_rules and isinstance(policy.get("rules"), list | tuple):
        filled["rules"] = [_rule_filled_in(rule, for_rules) for rule in policy["rules"]]
    return filled


def spelled_out(effect: object) -> object:
    """An effect's fields, of which its kind alone may be given as a word."""
    return {"kind": effect} if isinstance(effect, str) else effect


def _rule_filled_in(rule: object, preset: dict[str, Any]) -> object:
    """An effect of another kind than the preset's has nothing of it, one of no kind all of it."""
    said = rule.model_dump(exclude_unset=True) if isinstance(rule, BaseModel) else rule
    if not isinstance(said, dict):
        return rule
    default = preset["effect"]
    effect = spelled_out(said.get("effect", default))
    if isinstance(effect, dict) and effect.get("kind", default["kind"]) == default["kind"]:
        effect = {**default, **effect}
    return {**preset, **said, "effect": effect}

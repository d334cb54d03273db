"""What to mask, and how: rules of classes, confidence, effect and margin."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Effect(BaseModel):
    """How a region is masked. ``strength`` scales with the object's size, 1 being the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["blur", "mosaic", "fill"] = "blur"
    strength: float = Field(default=1.0, gt=0, le=4)
    color: str = Field(default="#808080", pattern=r"^#[0-9a-fA-F]{6}$")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """``color`` as 8-bit red, green, blue."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


def _shorthand(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class Rule(BaseModel):
    """Mask instances of ``classes`` seen with at least ``confidence``.

    ``margin`` widens the mask by this share of the object's size (the root of its area).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.25, gt=0, le=1)
    effect: Annotated[Effect, BeforeValidator(_shorthand)] = Effect()
    margin: float = Field(default=0.05, ge=0, le=1)


class Policy(BaseModel):
    """Rules in order; an instance is masked by the first rule that matches it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="custom", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    rules: tuple[Rule, ...] = Field(min_length=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes that any rule names, each once, in order."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.classes))

    def digest(self) -> str:
        """sha256 of what the policy does; its name and the layout of its file do not matter."""
        said = self.model_dump(mode="json", exclude={"name"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def in_words(self) -> str:
        """The policy as sentences, a line for each rule."""
        return "\n".join(_in_words(rule) for rule in self.rules)


def _in_words(rule: Rule) -> str:
    how = {
        "blur": "blurred",
        "mosaic": "covered with a mosaic",
        "fill": f"filled with {rule.effect.color}",
    }[rule.effect.kind]
    strength = (
        f" at {rule.effect.strength:g} times the usual strength"
        if rule.effect.kind != "fill" and rule.effect.strength != 1
        else ""
    )
    return (
        f"Every {_or(rule.classes)} seen with a confidence of at least {rule.confidence:g} is {how}"
        f"{strength}, {rule.margin:.0%} of its size beyond its outline."
    )


def _or(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

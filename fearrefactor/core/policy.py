"""What to mask, and how: rules, places and times, exceptions, and when to ask a person."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

EffectKind = Literal["blur", "mosaic", "fill", "background-blur", "background-image", "sticker"]
#: Effects that mask everything but the object.
BACKGROUND: Final = frozenset({"background-blur", "background-image"})
#: Effects that need a picture.
PICTURED: Final = frozenset({"background-image", "sticker"})
#: A colour that is found for each track: the mean of what surrounds it, the same in every frame.
SURROUND: Final = "surround"


class Effect(BaseModel):
    """How a region is masked. ``strength`` scales with the object's size, 1 being the default.

    ``color`` is that of a fill, ``#rrggbb`` or ``surround``. ``image`` is the picture of a sticker
    or a background: a path or address in a policy file, its content as a ``data:`` URI ever after.
    ``feather`` lets the effect fade in over this share of the object's size, inside the mask only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EffectKind = "blur"
    strength: float = Field(default=1.0, gt=0, le=4)
    color: str = Field(default="#808080", pattern=r"^(#[0-9a-fA-F]{6}|surround)$")
    image: str | None = None
    feather: float = Field(default=0.0, ge=0, le=0.2)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """``color`` as 8-bit red, green, blue; grey for a colour that is still to be found."""
        red, green, blue = bytes.fromhex("808080" if self.color == SURROUND else self.color[1:])
        return red, green, blue

    @property
    def is_background(self) -> bool:
        """Whether it masks everything but the object."""
        return self.kind in BACKGROUND


def _shorthand(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class Rule(BaseModel):
    """Mask instances of ``classes`` seen with at least ``confidence``.

    ``margin`` widens the mask by this share of the object's size (the root of its area), and
    ``spread_frames`` adds to each frame the masks of so many frames before and after it, moved
    along with the object. A gap of up to ``bridge_s`` seconds inside a track is bridged; a track
    reaches ``extend_s`` seconds beyond its first and last detection. Objects below ``min_area``, a
    share of the picture, are left alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.25, gt=0, le=1)
    effect: Annotated[Effect, BeforeValidator(_shorthand)] = Effect()
    margin: float = Field(default=0.05, ge=0, le=1)
    spread_frames: int = Field(default=1, ge=0, le=30)
    bridge_s: float = Field(default=1.0, ge=0, le=60)
    extend_s: float = Field(default=0.3, ge=0, le=60)
    min_area: float = Field(default=0.0, ge=0, lt=1)


class Always(BaseModel):
    """A part of the picture that is masked whatever is seen there, during a part of the video.

    ``box`` is ``[x1, y1, x2, y2]`` and ``polygon`` a list of ``[x, y]``, as shares of the upright
    picture; without either it is the whole frame. Times are seconds from the video's first frame;
    ``end_s`` is exclusive, and without it the range lasts to the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    box: tuple[float, float, float, float] | None = None
    polygon: tuple[tuple[float, float], ...] | None = None
    start_s: float = Field(default=0.0, ge=0)
    end_s: float | None = Field(default=None, gt=0)
    effect: Annotated[Effect, BeforeValidator(_shorthand)] = Effect(kind="fill")


class Keep(BaseModel):
    """Instances of ``classes`` that lie inside an instance of ``inside`` are never masked.

    Inside means that this ``share`` of the mask is covered by the other's mask, or by its box.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...] = Field(min_length=1)
    inside: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.5, gt=0, le=1)
    share: float = Field(default=0.9, gt=0, le=1)


class Review(BaseModel):
    """When a person is to look before a masked video is published. None: never for this reason.

    ``masked_frames``: share of the frames in which anything is masked. ``masked_area``: mean share
    of the picture that is masked, over all frames. ``uncertain``: share of the masked frames in
    which something is masked although it was not seen there with confidence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    masked_frames: float | None = Field(default=None, ge=0, lt=1)
    masked_area: float | None = Field(default=None, ge=0, lt=1)
    uncertain: float | None = Field(default=None, ge=0, lt=1)


Preset = Literal["comfort", "privacy", "strict"]
#: What each preset sets in every rule, and in the policy, where the file is silent.
PRESETS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "comfort": ({}, {}),
    "privacy": (
        {
            "confidence": 0.15,
            "effect": {"kind": "fill", "color": SURROUND},
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


class Policy(BaseModel):
    """Rules in order; an instance is masked by the first rule that matches it.

    ``in_doubt`` ``whole_frame`` fills every frame in which something that was there before or
    after, or seems to be there, was not seen with confidence. ``on_leak`` says what becomes of a
    video in which the audit still finds a thing that was masked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="custom", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    preset: Preset = "comfort"
    rules: tuple[Rule, ...] = ()
    always: tuple[Always, ...] = ()
    keep: tuple[Keep, ...] = ()
    review: Review = Review()
    in_doubt: Literal["track", "whole_frame"] = "track"
    on_leak: Literal["fail", "review"] = "fail"

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("preset", "comfort") not in PRESETS:
            return given
        for_rules, for_policy = PRESETS[given.get("preset", "comfort")]
        rules = given.get("rules")
        if isinstance(rules, list | tuple):
            rules = [{**for_rules, **rule} if isinstance(rule, dict) else rule for rule in rules]
            given = {**given, "rules": rules}
        return {**for_policy, **given}

    @model_validator(mode="after")
    def _masks_something(self) -> Policy:
        if not self.rules and not self.always:
            raise ValueError("expected at least one entry in 'rules' or 'always'")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes that any rule or exception names, each once, in order."""
        named = [rule.classes for rule in self.rules]
        named += [names for keep in self.keep for names in (keep.classes, keep.inside)]
        return tuple(dict.fromkeys(name for names in named for name in names))

    def digest(self) -> str:
        """sha256 of what the policy does; its name and the layout of its file do not matter."""
        said = self.model_dump(mode="json", exclude={"name", "preset"})
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

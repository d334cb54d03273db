"""What to mask, and how: rules, places and times, exceptions, and when to ask a person."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fearrefactor.core.presets import Preset, filled_in, spelled_out

if TYPE_CHECKING:
    from collections.abc import Iterable

EffectKind = Literal["blur", "mosaic", "fill", "background-blur", "background-image", "sticker"]
#: Effects that mask everything but the object.
BACKGROUND: Final = frozenset({"background-blur", "background-image"})
#: Effects that need a picture.
PICTURED: Final = frozenset({"background-image", "sticker"})
#: Effects that hide a place as they hide an object.
PLACED: Final = frozenset({"blur", "fill", "mosaic"})
#: Effects that have a colour.
COLORED: Final = frozenset({"fill", "sticker"})
#: A colour that is found for each track: the mean of what surrounds it, the same in every frame.
SURROUND: Final = "surround"


_LAWS: Final = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Effect(BaseModel):
    """How a region is masked. ``strength`` scales with the object's size, 1 being the default.

    ``color`` is that of a fill, and of what a sticker leaves free: ``#rrggbb`` or ``surround``.
    ``image`` is the picture of a sticker or a background: a path or address in a policy file, its
    content as a ``data:`` URI ever after. ``feather`` lets the effect fade in over this share of
    the object's size, inside the mask only.
    """

    model_config = _LAWS

    kind: EffectKind = "blur"
    strength: float = Field(default=1.0, gt=0, le=4)
    color: str = Field(default="#808080", pattern=r"^(#[0-9a-fA-F]{6}|surround)$")
    image: str | None = None
    feather: float = Field(default=0.0, ge=0, le=0.2)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Effect:
        if self.kind in PICTURED and not self.image:
            raise ValueError(f"{self.kind} needs 'image', the path or address of a picture")
        if self.kind not in PICTURED and self.image is not None:
            kinds = " and ".join(sorted(PICTURED))
            raise ValueError(f"'image' goes with {kinds}; {self.kind} shows no picture")
        if self.color == SURROUND and self.kind not in COLORED:
            kinds = " and ".join(sorted(COLORED))
            raise ValueError(f"color 'surround' goes with {kinds}; {self.kind} has no color")
        return self

    @property
    def rgb(self) -> tuple[int, int, int]:
        """``color`` as 8-bit red, green, blue; grey for a colour that is still to be found."""
        red, green, blue = bytes.fromhex("808080" if self.color == SURROUND else self.color[1:])
        return red, green, blue

    @property
    def is_background(self) -> bool:
        """Whether it masks everything but the object."""
        return self.kind in BACKGROUND


class Rule(BaseModel):
    """Mask instances of ``classes`` seen with at least ``confidence``.

    ``margin`` widens the mask by this share of the object's size (the root of its area), and
    ``spread_frames`` adds to each frame the masks of so many frames before and after it, moved
    along with the object. A gap of up to ``bridge_s`` seconds inside a track is bridged; a track
    reaches ``extend_s`` seconds beyond its first and last detection. Objects below ``min_area``, a
    share of the picture, are left alone.
    """

    model_config = _LAWS

    classes: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.25, gt=0, le=1)
    effect: Annotated[Effect, BeforeValidator(spelled_out)] = Effect()
    margin: float = Field(default=0.015, ge=0, le=1)
    spread_frames: int = Field(default=1, ge=0, le=30)
    bridge_s: float = Field(default=1.0, ge=0, le=60)
    extend_s: float = Field(default=0.3, ge=0, le=60)
    min_area: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _hides_all_of_the_object(self) -> Rule:
        if self.effect.feather > self.margin and not self.effect.is_background:
            raise ValueError(
                f"expected a feather of at most the margin, {self.margin:g}, got "
                f"{self.effect.feather:g}: beyond it the object's own edge would show"
            )
        return self


#: Of the picture's width or height.
Share = Annotated[float, Field(ge=0, le=1)]
Box = tuple[Share, Share, Share, Share]


class Always(BaseModel):
    """A part of the picture that is masked whatever is seen there, during a part of the video.

    ``box`` is ``[x1, y1, x2, y2]`` and ``polygon`` a list of ``[x, y]``, as shares of the upright
    picture; without either it is the whole frame. Times are seconds from the video's first frame;
    ``end_s`` is exclusive, and without it the range lasts to the end.
    """

    model_config = _LAWS

    box: Box | None = None
    polygon: Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3)] | None = None
    start_s: float = Field(default=0.0, ge=0)
    end_s: float | None = Field(default=None, gt=0)
    effect: Annotated[Effect, BeforeValidator(spelled_out)] = Effect(kind="fill")

    @field_validator("box")
    @classmethod
    def _has_an_area(cls, box: Box | None) -> Box | None:
        if box is not None and not (box[0] < box[2] and box[1] < box[3]):
            raise ValueError(f"expected [x1, y1, x2, y2] with x1 < x2 and y1 < y2, got {[*box]}")
        return box

    @field_validator("effect")
    @classmethod
    def _hides_a_place(cls, effect: Effect) -> Effect:
        if effect.kind not in PLACED or effect.color == SURROUND:
            kinds = ", ".join(sorted(PLACED))
            raise ValueError(
                f"expected one of {kinds} with a color of its own: there is no object here that "
                "could be left clear, be given a picture or have a surround"
            )
        if effect.feather:
            raise ValueError("expected no feather: there is no margin here in which to fade in")
        return effect

    @model_validator(mode="after")
    def _is_one_place_and_time(self) -> Always:
        if self.box is not None and self.polygon is not None:
            raise ValueError("expected 'box' or 'polygon', got both; write two entries")
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(
                f"expected end_s after start_s, got {self.start_s:g} to {self.end_s:g}"
            )
        return self


class Keep(BaseModel):
    """Instances of ``classes`` that lie inside an instance of ``inside`` are not masked.

    Inside means that this ``share`` of the mask lies in the rectangle round the other's mask, in
    the same frame, and that the other was seen there with at least ``confidence``.
    """

    model_config = _LAWS

    classes: tuple[str, ...] = Field(min_length=1)
    inside: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.5, gt=0, le=1)
    share: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _is_inside_something_else(self) -> Keep:
        if both := sorted(plain_names(self.classes) & plain_names(self.inside)):
            raise ValueError(
                f"expected different things in 'classes' and 'inside', got {', '.join(both)} in "
                "both: one thing that is seen twice would keep itself"
            )
        return self


class Review(BaseModel):
    """When a person is to look before a masked video is published. None: never for this reason.

    ``masked_frames``: share of the frames in which anything is masked. ``masked_area``: mean share
    of the picture that is masked, over all frames. ``uncertain``: share of the masked frames in
    which something is masked although it was not seen there with confidence.
    """

    model_config = _LAWS

    masked_frames: float | None = Field(default=None, ge=0, lt=1)
    masked_area: float | None = Field(default=None, ge=0, lt=1)
    uncertain: float | None = Field(default=None, ge=0, lt=1)


#: As containers call the texts that they hold.
TagName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class Policy(BaseModel):
    """Rules in order; an instance is masked by the first rule that matches it.

    ``in_doubt`` ``whole_frame`` fills every frame in which something that was there before or
    after was not seen with confidence. ``on_leak`` says what becomes of a
    video in which the audit still finds a thing that was masked. ``keep_tags`` names texts of the
    file, as "artist" or "creation_time", that go along with its title and languages.
    """

    model_config = _LAWS

    name: str = Field(default="custom", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    preset: Preset = "comfort"
    rules: tuple[Rule, ...] = ()
    always: tuple[Always, ...] = ()
    keep: tuple[Keep, ...] = ()
    review: Review = Review()
    in_doubt: Literal["track", "whole_frame"] = "track"
    on_leak: Literal["fail", "review"] = "fail"
    keep_tags: tuple[TagName, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        return filled_in(given) if isinstance(given, dict) else given

    @field_validator("rules")
    @classmethod
    def _show_what_they_leave_clear(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if sum(rule.effect.is_background for rule in rules) > 1:
            raise ValueError(
                "expected at most one rule with a background effect: each would mask the objects "
                "that the other leaves clear; name all their classes in one rule"
            )
        return rules

    @field_validator("keep")
    @classmethod
    def _keep_what_is_masked(cls, keep: tuple[Keep, ...], info: ValidationInfo) -> tuple[Keep, ...]:
        rules: tuple[Rule, ...] = info.data.get("rules", ())
        masked = plain_names(
            name for rule in rules if not rule.effect.is_background for name in rule.classes
        )
        kept = plain_names(name for entry in keep for name in entry.classes)
        if "rules" in info.data and not kept <= masked:
            raise ValueError(
                f"expected classes that a rule masks ({', '.join(sorted(masked)) or 'none'}), got "
                f"{', '.join(sorted(kept - masked))}, which is not masked anyway"
            )
        return keep

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
        if not self.keep_tags:  # younger than digests that are in use
            del said["keep_tags"]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def plain_names(names: Iterable[str]) -> set[str]:
    """Names as models compare them."""
    return {name.strip().lower() for name in names}

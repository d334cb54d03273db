"""What is masked where in each frame: the mask plan, which render, audit and report all read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import Mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Why a region is masked. ``detected``: seen there with the policy's confidence. ``continued``:
#: seen there with less, as a part of a track. ``bridged``: between two sightings of a track.
#: ``extended``: before the first or after the last one. ``always``: the policy names place and
#: time. ``background``: everything but the objects of a rule. ``doubt``: the whole frame, since
#: something may be there that was not seen. ``audit``: found by the audit of an earlier rendering.
Provenance = Literal[
    "detected", "continued", "bridged", "extended", "always", "background", "doubt", "audit"
]


@dataclass(frozen=True, slots=True)
class Region:
    """One thing to mask in one frame.

    ``mask`` covers the whole upright frame at its own resolution and is already widened;
    ``size_px`` is the object's size in upright source pixels, by which the effect scales.
    ``track`` numbers the objects of a video; it and ``class_id`` are -1 where there is none.
    ``score`` is that of the detection it rests on, 0 where there is none.
    """

    effect: Effect
    mask: Mask
    size_px: float
    provenance: Provenance = "detected"
    track: int = -1
    class_id: int = -1
    score: float = 0.0


def regions_as_json(regions: Mapping[int, Sequence[Region]]) -> dict[str, Any]:
    """Regions by frame as JSON values. An effect is said once: its picture may be large."""
    numbers: dict[Effect, int] = {}
    rows = {
        frame: [
            (
                numbers.setdefault(region.effect, len(numbers)),
                (region.mask.counts, region.mask.height, region.mask.width),
                region.size_px,
                region.provenance,
                region.track,
                region.class_id,
                region.score,
            )
            for region in here
        ]
        for frame, here in regions.items()
    }
    return {"effects": [effect.model_dump() for effect in numbers], "rows": rows}


def regions_from_json(told: Mapping[str, Any]) -> dict[int, tuple[Region, ...]]:
    """What ``regions_as_json`` was given."""
    effects = [Effect.model_validate(effect) for effect in told["effects"]]
    return {
        int(frame): tuple(
            Region(effects[number], Mask(*mask), *rest) for number, mask, *rest in here
        )
        for frame, here in told["rows"].items()
    }


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

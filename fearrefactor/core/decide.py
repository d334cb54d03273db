"""From everything that was seen to the mask plan."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.always import always_regions
from fearrefactor.core.keep import kept
from fearrefactor.core.outline import Tracing
from fearrefactor.core.placing import Scene
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import Mask, encode
from fearrefactor.core.scenes import scenes_of
from fearrefactor.core.shapes import FINE
from fearrefactor.core.sightings import Sightings
from fearrefactor.core.track_regions import clear_parts, regions_of
from fearrefactor.core.tracks import link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy, Rule

_WHOLE_FRAME = encode(np.ones((1, 1, 1), np.uint8))[0]
# What a background is blurred by: as if it were an object of this share of the picture's size.
_BACKGROUND_SIZE = 1 / 3
_FREE, _LEFT = -1, -2
# A track's region that rests on nothing seen with confidence in its own frame.
_UNSEEN = frozenset({"continued", "bridged", "extended"})


def decide(detections: Detections, policy: Policy, card: ModelCard, canvas: Canvas) -> MaskPlan:
    """What is masked where, as a pure function of all detections of a video and the policy.

    Every instance that a rule matches is masked. Instances of one rule are linked into tracks over
    the whole video, each of which is masked from before its first to after its last sighting. The
    same detections give the same plan however the video was cut.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    regions: dict[int, list[Region]] = {}
    numbers = count()
    matched = _matched(detections, policy, card)
    scene = _scene(detections, canvas) if len(detections) else None
    for number, rule in enumerate(policy.rules):
        found: Iterable[Tracing] = ()
        if scene is not None and (matched == number).any():
            ids = [card.class_id(name) for name in rule.classes]
            max_gap = round(rule.bridge_s * canvas.frames_per_s)
            found = _tracings(scene, ids, matched == number, matched == _FREE, max_gap)
        if rule.effect.is_background:
            drawn = _background(found, rule, detections, canvas)
        else:
            drawn = chain.from_iterable(
                regions_of(tracing, rule, canvas, next(numbers)) for tracing in found
            )
        for frame, region in drawn:
            regions.setdefault(frame, []).append(region)
    if policy.in_doubt == "whole_frame":
        _cover_doubt(regions, canvas)
    for frame, always in always_regions(policy, canvas).items():
        regions.setdefault(frame, []).extend(always)
    return MaskPlan(
        n_frames=len(detections.frames),
        regions={frame: tuple(regions[frame]) for frame in sorted(regions)},
    )


def _matched(detections: Detections, policy: Policy, card: ModelCard) -> NDArray[np.int64]:
    """The number of the first rule that matches each detection.

    ``_FREE`` where none does, ``_LEFT`` where none may: it is kept clear, or too small.
    """
    matched = np.full(len(detections), _FREE)
    for number, rule in enumerate(policy.rules):
        ids = [card.class_id(name) for name in rule.classes]
        named = np.isin(detections.class_id, ids) & (matched == _FREE)
        if rule.min_area:
            small = [
                row for row in np.flatnonzero(named) if _share(detections.mask[row]) < rule.min_area
            ]
            matched[small] = _LEFT
            named[small] = False
        matched[named & (detections.score >= np.float32(rule.confidence))] = number
    if policy.keep:
        matched[kept(detections, policy, card)] = _LEFT
    return matched


def _share(mask: Mask) -> float:
    return mask.area() / (mask.height * mask.width)


def _scene(detections: Detections, canvas: Canvas) -> Scene:
    first = detections.mask[0]
    grid = first.height * FINE, first.width * FINE
    to_cells = np.array([grid[1] / canvas.width_px, grid[0] / canvas.height_px] * 2)
    scenes = scenes_of(detections.sketch, canvas)
    camera = np.tile(scenes.camera_px, 2) * to_cells
    box = detections.box * to_cells - camera[detections.frame]
    return Scene(detections, box, camera, grid, np.cumsum(scenes.cut))


def _tracings(
    scene: Scene,
    ids: list[int],
    strong: NDArray[np.bool_],
    free: NDArray[np.bool_],
    max_gap_frames: int,
) -> Iterator[Tracing]:
    """The tracks of one rule; ``free`` are detections that no rule matches."""
    detections = scene.detections
    named = np.isin(detections.class_id, ids)
    sightings = Sightings(
        frame=detections.frame,
        box=scene.box,
        score=detections.score,
        strong=strong,
        weak=named & free,
        renamed=~named & free,
        scene=scene.number,
    )
    for track in link(sightings, max_gap_frames):
        yield Tracing(track, scene, strong)


def _background(
    tracings: Iterable[Tracing], rule: Rule, detections: Detections, canvas: Canvas
) -> Iterator[tuple[int, Region]]:
    """In every frame all but the objects, and where there is none the whole frame."""
    clear = clear_parts(tracings, rule, canvas)
    size_px = _BACKGROUND_SIZE * (canvas.width_px * canvas.height_px) ** 0.5
    for frame in range(len(detections.frames)):
        objects = clear.get(frame)
        if objects is None:
            mask = _WHOLE_FRAME
        elif objects.all():
            continue
        else:
            mask = encode((~objects).view(np.uint8)[None])[0]
        yield frame, Region(rule.effect, mask, size_px, "background")


def _cover_doubt(regions: dict[int, list[Region]], canvas: Canvas) -> None:
    """Add a filled whole frame wherever a track was not seen with confidence."""
    size_px = float(canvas.width_px * canvas.height_px) ** 0.5
    whole = Region(Effect(kind="fill"), _WHOLE_FRAME, size_px, "doubt")
    for here in regions.values():
        seen = {region.track for region in here if region.provenance == "detected"}
        if any(region.provenance in _UNSEEN and region.track not in seen for region in here):
            here.append(whole)

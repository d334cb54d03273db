"""From a track's outlines to regions of the plan: with margin, effect and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import SURROUND
from fearrefactor.core.rle import encode
from fearrefactor.core.shapes import FINE, united

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.outline import Outline, Tracing
    from fearrefactor.core.policy import Effect, Rule
    from fearrefactor.core.shapes import Shape

# Effects follow an object's size, but not its every twitch: the largest within so many seconds.
_STEADY_SIZE_S = 1.0


def regions_of(
    tracing: Tracing, rule: Rule, canvas: Canvas, number: int
) -> Iterator[tuple[int, Region]]:
    """What is masked of track ``number``, by frame."""
    detections, grid = tracing.scene.detections, tracing.scene.grid
    effect = _colored(rule.effect, tracing)
    sizes = _sizes(tracing, canvas)
    cell_px = (canvas.width_px * canvas.height_px / (grid[0] * grid[1])) ** 0.5
    for outline in _drawn(tracing, rule, canvas):
        size = sizes[outline.row]
        shape = _widened(outline, rule, size)
        if effect.kind == "sticker":
            shape = shape.filled_box()
        bits = shape.on(grid)
        if bits.any():
            seen = outline.provenance in {"detected", "continued"}
            yield (
                outline.frame,
                Region(
                    effect=effect,
                    mask=encode(bits.view(np.uint8)[None])[0],
                    size_px=size * cell_px,
                    provenance=outline.provenance,
                    track=number,
                    class_id=int(detections.class_id[outline.row]),
                    score=float(detections.score[outline.row]) if seen else 0.0,
                ),
            )


def clear_parts(
    tracings: Iterable[Tracing], rule: Rule, canvas: Canvas
) -> dict[int, NDArray[np.bool_]]:
    """By frame what objects cover, ``(height, width)`` bool: what their background leaves clear.

    Where an object may only be, beyond its first and last sighting, the background is hidden.
    """
    clear: dict[int, NDArray[np.bool_]] = {}
    for tracing in tracings:
        sizes = _sizes(tracing, canvas)
        for outline in _drawn(tracing, rule, canvas):
            if outline.provenance != "extended":
                bits = _widened(outline, rule, sizes[outline.row]).on(tracing.scene.grid)
                clear[outline.frame] = clear.get(outline.frame, False) | bits
    return clear


def _drawn(tracing: Tracing, rule: Rule, canvas: Canvas) -> Iterator[Outline]:
    return tracing.outlines(rule.spread_frames, round(rule.extend_s * canvas.frames_per_s))


def _widened(outline: Outline, rule: Rule, size: float) -> Shape:
    """With the rule's margin; the rim in which an effect fades in lies outside the object."""
    cells = round((rule.margin + outline.unsure) * size)
    if rule.effect.feather and not rule.effect.is_background:
        cells = max(cells, int(np.ceil(rule.effect.feather * size)))
    return united(outline.shapes).widened(cells)


def _sizes(tracing: Tracing, canvas: Canvas) -> dict[int, float]:
    """By row the object's size in fine cells: the root of its area, steadied over time."""
    rows, masks = tracing.rows, tracing.scene.detections.mask
    boxes = tracing.scene.box[rows]
    in_box = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    areas = np.array([masks[row].area() * FINE**2 for row in rows], np.float64)
    sizes = np.sqrt(np.where(areas > 0, areas, in_box).clip(1))
    reach = round(_STEADY_SIZE_S * canvas.frames_per_s / 2)
    padded = np.pad(sizes, reach, mode="edge")
    steady = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return dict(zip(rows, steady.tolist(), strict=True))


def _colored(effect: Effect, tracing: Tracing) -> Effect:
    """The effect with the mean colour around all of a track's confident sightings."""
    if effect.color != SURROUND:
        return effect
    around = tracing.scene.detections.surround[tracing.strong_rows]
    red, green, blue = around.mean(axis=0).round().astype(int).tolist()
    return effect.model_copy(update={"color": f"#{red:02x}{green:02x}{blue:02x}"})

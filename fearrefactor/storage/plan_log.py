"""The mask plan of one video as Parquet: a row per region and frame, and the effects they name.

Render, audit and report read the same plan: what is masked where, why, and how.
"""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import Mask
from fearrefactor.errors import StoreError
from fearrefactor.storage.parquet_file import (
    MASK,
    MOMENT,
    NAME,
    ROWS_PER_GROUP,
    created,
    metadata_of,
    opened,
)

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.video import VideoIndex

#: ``x1`` to ``y2`` bound the mask in upright source pixels, right and bottom exclusive. ``effect``
#: counts the effects in the metadata. ``track`` and ``class_id`` are -1, and ``class`` is null,
#: where there is none.
SCHEMA = pa.schema(
    [
        *MOMENT,
        pa.field("track", pa.int64(), nullable=False),
        pa.field("class_id", pa.int32(), nullable=False),
        pa.field("class", NAME),
        pa.field("provenance", NAME, nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("effect", pa.int32(), nullable=False),
        pa.field("size_px", pa.float64(), nullable=False),
        pa.field("x1", pa.float64(), nullable=False),
        pa.field("y1", pa.float64(), nullable=False),
        pa.field("x2", pa.float64(), nullable=False),
        pa.field("y2", pa.float64(), nullable=False),
        *MASK,
    ]
)
#: Metadata keys of every file, all strings; ``effects`` is a JSON list, ``start_pts`` of the first
#: frame.
METADATA_KEYS = ("video_id", "work_id", "n_frames", "time_base", "start_pts", "effects")
_EFFECTS = TypeAdapter(tuple[Effect, ...])
_REGION = TypeAdapter(Region)


def write_plan(
    path: Path,
    plan: MaskPlan,
    *,
    video_id: str,
    index: VideoIndex,
    card: ModelCard,
    work_id: str,
) -> None:
    """Write what is masked in a video; the same input gives the same bytes.

    Raises:
        ValueError: the plan is of another number of frames.
        StoreError: the file cannot be written; nothing is left of it.
    """
    if plan.n_frames != index.n_frames:
        msg = f"expected a plan of {index.n_frames} frames of {video_id}, got {plan.n_frames}"
        raise ValueError(msg)
    rows = [(frame, region) for frame in sorted(plan.regions) for region in plan.regions[frame]]
    effects = {effect: i for i, effect in enumerate(dict.fromkeys(r.effect for _, r in rows))}
    said = {
        "video_id": video_id,
        "work_id": work_id,
        "n_frames": str(plan.n_frames),
        "time_base": str(index.info.time_base),
        "start_pts": str(int(index.pts[0])),
        "effects": json.dumps([effect.model_dump(mode="json") for effect in effects]),
    }
    schema = SCHEMA.with_metadata(said)
    with created(path, schema) as write:
        for start in range(0, len(rows), ROWS_PER_GROUP):
            part = rows[start : start + ROWS_PER_GROUP]
            columns = {
                "video_id": pa.repeat(video_id, len(part)),
                **_places(part, index),
                **_regions([region for _, region in part], effects, card),
            }
            write(pa.table(columns, schema=schema))


def read_plan(path: Path) -> tuple[MaskPlan, dict[str, str]]:
    """What ``write_plan`` was given, exactly, with the file's metadata.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        rows = file.read().to_pylist()
        said = metadata_of(file, path, METADATA_KEYS)
    try:
        effects = _EFFECTS.validate_json(said["effects"])
        regions = {
            frame: tuple(_region(row, effects) for row in found)
            for frame, found in groupby(rows, itemgetter("frame"))
        }
        return MaskPlan(n_frames=int(said["n_frames"]), regions=regions), said
    except (ValueError, IndexError) as error:
        raise StoreError(f"{path} holds no valid mask plan: {error}") from error


def _region(row: dict[str, Any], effects: tuple[Effect, ...]) -> Region:
    return _REGION.validate_python(
        {
            "effect": effects[row["effect"]],
            "mask": Mask(row["mask_rle"], row["mask_height"], row["mask_width"]),
            **{name: row[name] for name in ("size_px", "provenance", "track", "class_id", "score")},
        }
    )


def _places(rows: list[tuple[int, Region]], index: VideoIndex) -> dict[str, Any]:
    """Where each region is, in time and in the picture."""
    frames = np.array([frame for frame, _ in rows], np.int64)
    bounds = np.array([_bounds(region.mask) for _, region in rows]).reshape(-1, 4)
    width, height = index.info.upright_width_px, index.info.upright_height_px
    return {
        "frame": frames,
        "pts": index.pts[frames],
        "time_s": np.array([index.time_s(frame) for frame in frames.tolist()], np.float64),
        "x1": bounds[:, 0] * width,
        "y1": bounds[:, 1] * height,
        "x2": bounds[:, 2] * width,
        "y2": bounds[:, 3] * height,
    }


def _bounds(mask: Mask) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a mask as shares of the picture; zeros for an empty one."""
    bits = mask.bits()
    columns, rows = np.flatnonzero(bits.any(axis=0)), np.flatnonzero(bits.any(axis=1))
    if not columns.size:
        return 0.0, 0.0, 0.0, 0.0
    left, right = int(columns[0]) / mask.width, (int(columns[-1]) + 1) / mask.width
    return left, int(rows[0]) / mask.height, right, (int(rows[-1]) + 1) / mask.height


def _regions(regions: list[Region], effects: dict[Effect, int], card: ModelCard) -> dict[str, Any]:
    """What each region is: its values, column by column."""
    class_ids = [region.class_id for region in regions]
    named = pa.array([None if i < 0 else i for i in class_ids], pa.int32())
    return {
        "track": [region.track for region in regions],
        "class_id": class_ids,
        "class": pa.DictionaryArray.from_arrays(named, list(card.classes)),
        "provenance": pa.array([region.provenance for region in regions]).dictionary_encode(),
        "score": [region.score for region in regions],
        "effect": [effects[region.effect] for region in regions],
        "size_px": [region.size_px for region in regions],
        "mask_rle": [region.mask.counts for region in regions],
        "mask_height": [region.mask.height for region in regions],
        "mask_width": [region.mask.width for region in regions],
    }

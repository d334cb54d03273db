"""Detections of one video as Parquet: a row per instance and frame, and what they rest on.

The file is the contract between the two passes. Its metadata says how many frames were inspected,
so that a video in which nothing was seen differs from one that nobody looked at.
"""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fearrefactor.core.detections import Detections
from fearrefactor.core.rle import Mask
from fearrefactor.errors import StoreError
from fearrefactor.storage.parquet_file import created, opened

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.video import VideoIndex

ROWS_PER_GROUP = 1 << 16
_NAME = pa.dictionary(pa.int32(), pa.string())

#: Boxes are xyxy in upright source pixels, right and bottom exclusive; ``mask_rle`` is COCO's
#: compressed counts of a mask of ``mask_height`` × ``mask_width`` over the whole upright frame.
SCHEMA = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("pts", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("class_id", pa.int32(), nullable=False),
        pa.field("class", _NAME, nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("x1", pa.float32(), nullable=False),
        pa.field("y1", pa.float32(), nullable=False),
        pa.field("x2", pa.float32(), nullable=False),
        pa.field("y2", pa.float32(), nullable=False),
        pa.field("mask_rle", pa.string(), nullable=False),
        pa.field("mask_height", pa.int32(), nullable=False),
        pa.field("mask_width", pa.int32(), nullable=False),
        pa.field("model", _NAME, nullable=False),
        pa.field("segment", pa.int32(), nullable=False),
    ]
)
#: Metadata keys of every file, all strings; ``versions`` is JSON.
METADATA_KEYS = (
    "video_id",
    "detect_id",
    "model",
    "model_sha256",
    "n_frames",
    "time_base",
    "versions",
)


def write_detections(
    path: Path,
    detections: Detections,
    *,
    video_id: str,
    index: VideoIndex,
    card: ModelCard,
    detect_id: str,
) -> None:
    """Write all that was seen in a video; the same input gives the same bytes.

    Raises:
        ValueError: not every frame of ``index`` was inspected, or a class that ``card`` lacks.
        StoreError: the file cannot be written; nothing is left of it.
    """
    if not np.array_equal(detections.frames, np.arange(index.n_frames)):
        msg = (
            f"expected frames 0 to {index.n_frames - 1} of {video_id} inspected, "
            f"got {len(detections.frames)} frames"
        )
        raise ValueError(msg)
    if len(detections) and not 0 <= detections.class_id.min() <= detections.class_id.max() < len(
        card.classes
    ):
        msg = f"expected class ids of {card.name} below {len(card.classes)}, got {video_id}'s"
        raise ValueError(msg)
    said = {
        "video_id": video_id,
        "detect_id": detect_id,
        "model": card.name,
        "model_sha256": card.sha256,
        "n_frames": str(index.n_frames),
        "time_base": str(index.info.time_base),
        "versions": json.dumps(_versions(), sort_keys=True),
    }
    schema = SCHEMA.with_metadata(said)
    with created(path, schema) as write:
        for start in range(0, len(detections), ROWS_PER_GROUP):
            rows = slice(start, start + ROWS_PER_GROUP)
            columns = _columns(detections, rows, video_id=video_id, index=index, card=card)
            write(pa.table(columns, schema=schema))


def read_detections(path: Path) -> tuple[Detections, dict[str, str]]:
    """What ``write_detections`` was given, exactly, with the file's metadata.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        table = file.read()
        raw = file.schema_arrow.metadata or {}
    said = {key: raw[key.encode()].decode() for key in METADATA_KEYS if key.encode() in raw}
    if len(said) != len(METADATA_KEYS):
        missing = [key for key in METADATA_KEYS if key not in said]
        raise StoreError(f"{path} is no detection file: its metadata lacks {', '.join(missing)}")
    columns = {name: table[name] for name in SCHEMA.names}
    try:
        detections = Detections(
            frames=np.arange(int(said["n_frames"]), dtype=np.int64),
            frame=columns["frame"].to_numpy(),
            class_id=columns["class_id"].to_numpy(),
            score=columns["score"].to_numpy(),
            box=np.stack([columns[side].to_numpy() for side in ("x1", "y1", "x2", "y2")], axis=1),
            mask=tuple(
                Mask(counts, height, width)
                for counts, height, width in zip(
                    columns["mask_rle"].to_pylist(),
                    columns["mask_height"].to_pylist(),
                    columns["mask_width"].to_pylist(),
                    strict=True,
                )
            ),
        )
    except ValueError as error:
        raise StoreError(f"{path} holds no valid detections: {error}") from error
    return detections, said


def _columns(
    detections: Detections, rows: slice, *, video_id: str, index: VideoIndex, card: ModelCard
) -> dict[str, Any]:
    frame, box = detections.frame[rows], detections.box[rows]
    class_id, masks = detections.class_id[rows], detections.mask[rows]
    shown, at = np.unique(frame, return_inverse=True)
    times = np.array([index.time_s(int(one)) for one in shown], np.float64)
    starts = [segment.first_frame for segment in index.segments]
    return {
        "video_id": pa.repeat(video_id, len(frame)),
        "frame": frame,
        "pts": index.pts[frame],
        "time_s": times[at],
        "class_id": class_id,
        "class": pa.DictionaryArray.from_arrays(class_id, list(card.classes)),
        "score": detections.score[rows],
        "x1": box[:, 0],
        "y1": box[:, 1],
        "x2": box[:, 2],
        "y2": box[:, 3],
        "mask_rle": [mask.counts for mask in masks],
        "mask_height": [mask.height for mask in masks],
        "mask_width": [mask.width for mask in masks],
        "model": pa.DictionaryArray.from_arrays(np.zeros(len(frame), np.int32), [card.name]),
        "segment": (np.searchsorted(starts, frame, side="right") - 1).astype(np.int32),
    }


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("fearrefactor", "pyarrow")}

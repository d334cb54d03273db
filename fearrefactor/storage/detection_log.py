"""Detections of one video as Parquet: a row per instance and frame, and what they rest on.

The file is the contract between the two passes. Its metadata says how many frames were inspected,
so that a video in which nothing was seen differs from one that nobody looked at.
"""

from __future__ import annotations

import importlib.metadata
import json
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fearrefactor.core.detections import Detections
from fearrefactor.core.model import ModelCard
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

    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoIndex

#: Boxes are xyxy in upright source pixels, right and bottom exclusive; ``surround_*`` is the mean
#: colour just around the mask.
SCHEMA = pa.schema(
    [
        *MOMENT,
        pa.field("class_id", pa.int32(), nullable=False),
        pa.field("class", NAME, nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("x1", pa.float32(), nullable=False),
        pa.field("y1", pa.float32(), nullable=False),
        pa.field("x2", pa.float32(), nullable=False),
        pa.field("y2", pa.float32(), nullable=False),
        *MASK,
        pa.field("surround_r", pa.uint8(), nullable=False),
        pa.field("surround_g", pa.uint8(), nullable=False),
        pa.field("surround_b", pa.uint8(), nullable=False),
        pa.field("model", NAME, nullable=False),
        pa.field("segment", pa.int32(), nullable=False),
    ]
)
_SIDES = ("x1", "y1", "x2", "y2")
_SURROUND = ("surround_r", "surround_g", "surround_b")
#: Metadata keys of every file, all strings; ``model_card`` and ``versions`` are JSON.
METADATA_KEYS = (
    "video_id",
    "detect_id",
    "model",
    "model_sha256",
    "model_card",
    "detect_settings",
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
    detect_settings: str,
) -> None:
    """Write all instances that were seen in a video; the same input gives the same bytes.

    The metadata holds all that is needed to work on without the model. The sketches of the frames
    go into a file of their own, see ``frame_log``.

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
        "model_card": card.model_dump_json(),
        "detect_settings": detect_settings,
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


def read_detections(
    path: Path, sketch: NDArray[np.uint8], checksum: NDArray[np.uint32]
) -> tuple[Detections, dict[str, str]]:
    """What ``write_detections`` was given, exactly, with the file's metadata.

    ``sketch`` ``(n_frames, SKETCH)`` uint8 and ``checksum`` ``(n_frames,)`` uint32 are from the
    video's frame log.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, is not such a file, or has another number of frames.
    """
    with opened(path, SCHEMA) as file:
        table = file.read()
        said = metadata_of(file, path, METADATA_KEYS)
    columns = {name: table[name] for name in SCHEMA.names}
    sizes = (columns[name].to_pylist() for name in ("mask_rle", "mask_height", "mask_width"))
    try:
        detections = Detections(
            frames=np.arange(int(said["n_frames"]), dtype=np.int64),
            sketch=sketch,
            checksum=checksum,
            frame=columns["frame"].to_numpy(),
            class_id=columns["class_id"].to_numpy(),
            score=columns["score"].to_numpy(),
            box=np.stack([columns[side].to_numpy() for side in _SIDES], axis=1),
            mask=tuple(starmap(Mask, zip(*sizes, strict=True))),
            surround=np.stack([columns[name].to_numpy() for name in _SURROUND], axis=1),
        )
    except ValueError as error:
        raise StoreError(f"{path} holds no valid detections: {error}") from error
    return detections, said


def read_model(path: Path) -> tuple[ModelCard, str]:
    """The card of the model that saw what a file holds, and the settings it looked with.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        said = metadata_of(file, path, METADATA_KEYS)
    try:
        return ModelCard.model_validate_json(said["model_card"]), said["detect_settings"]
    except ValueError as error:
        raise StoreError(f"{path} holds no valid model card: {error}") from error


def _columns(
    detections: Detections, rows: slice, *, video_id: str, index: VideoIndex, card: ModelCard
) -> dict[str, Any]:
    frame, box = detections.frame[rows], detections.box[rows]
    class_id, masks = detections.class_id[rows], detections.mask[rows]
    surround = detections.surround[rows]
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
        **{side: box[:, number] for number, side in enumerate(_SIDES)},
        "mask_rle": [mask.counts for mask in masks],
        "mask_height": [mask.height for mask in masks],
        "mask_width": [mask.width for mask in masks],
        **{name: surround[:, number] for number, name in enumerate(_SURROUND)},
        "model": pa.DictionaryArray.from_arrays(np.zeros(len(frame), np.int32), [card.name]),
        "segment": (np.searchsorted(starts, frame, side="right") - 1).astype(np.int32),
    }


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("fearrefactor", "pyarrow")}

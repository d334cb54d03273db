"""The frames of one video as Parquet: a row for each, with its sketch and its checksum.

A sketch is what finding scene cuts and the motion of the camera needs of a frame (see
``core/scenes``), so that a mask plan can be made anew without the video; by its checksum a frame
that should not have changed is known again in a result. They stand apart from the detections
because there is a row for every frame, not for every instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from fearrefactor.core.scenes import SKETCH
from fearrefactor.errors import StoreError
from fearrefactor.storage.parquet_file import ROWS_PER_GROUP, created, metadata_of, opened

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoIndex

#: ``sketch`` holds ``SKETCH`` bytes, ``checksum`` is that of ``media/decode``.
SCHEMA = pa.schema(
    [
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("pts", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("sketch", pa.binary(SKETCH), nullable=False),
        pa.field("checksum", pa.uint32(), nullable=False),
    ]
)
#: Metadata keys of every file, all strings.
METADATA_KEYS = ("video_id", "detect_id", "n_frames", "time_base")


def write_frames(
    path: Path,
    sketch: NDArray[np.uint8],
    checksum: NDArray[np.uint32],
    *,
    video_id: str,
    index: VideoIndex,
    detect_id: str,
) -> None:
    """Write what is kept of all frames of a video.

    ``sketch``: ``(index.n_frames, SKETCH)`` uint8; ``checksum``: ``(index.n_frames,)`` uint32. The
    same input gives the same bytes.

    Raises:
        ValueError: not a sketch and a checksum for each frame.
        StoreError: the file cannot be written; nothing is left of it.
    """
    if sketch.shape != (index.n_frames, SKETCH) or sketch.dtype != np.uint8:
        msg = f"expected sketches ({index.n_frames}, {SKETCH}) uint8, got {sketch.shape}"
        raise ValueError(msg)
    if checksum.shape != (index.n_frames,) or checksum.dtype != np.uint32:
        msg = f"expected checksums ({index.n_frames},) uint32, got {checksum.shape}"
        raise ValueError(msg)
    said = {
        "video_id": video_id,
        "detect_id": detect_id,
        "n_frames": str(index.n_frames),
        "time_base": str(index.info.time_base),
    }
    schema = SCHEMA.with_metadata(said)
    with created(path, schema) as write:
        for start in range(0, index.n_frames, ROWS_PER_GROUP):
            frames = np.arange(start, min(start + ROWS_PER_GROUP, index.n_frames), dtype=np.int64)
            columns = {
                "frame": frames,
                "pts": index.pts[frames],
                "time_s": np.array([index.time_s(frame) for frame in frames.tolist()], np.float64),
                "sketch": pa.array([row.tobytes() for row in sketch[frames]], pa.binary(SKETCH)),
                "checksum": checksum[frames],
            }
            write(pa.table(columns, schema=schema))


def read_frames(
    path: Path,
) -> tuple[NDArray[np.uint8], NDArray[np.uint32], NDArray[np.int64], dict[str, str]]:
    """What is kept of all frames, with the metadata.

    That is sketches ``(n_frames, SKETCH)`` uint8, checksums ``(n_frames,)`` uint32 and times
    ``(n_frames,)`` int64.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, is not such a file, or lacks frames.
    """
    with opened(path, SCHEMA) as file:
        table = file.read()
        said = metadata_of(file, path, METADATA_KEYS)
    n_frames = len(table)
    if str(n_frames) != said["n_frames"] or not np.array_equal(
        table["frame"].to_numpy(), np.arange(n_frames)
    ):
        raise StoreError(f"{path}: expected frames 0 to {said['n_frames']}, got {n_frames} rows")
    sketch = np.frombuffer(b"".join(table["sketch"].to_pylist()), np.uint8)
    checksum, pts = table["checksum"].to_numpy(), table["pts"].to_numpy()
    return sketch.reshape(n_frames, SKETCH), checksum, pts, said

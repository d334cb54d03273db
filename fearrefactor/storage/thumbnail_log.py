"""Small pictures of a result as Parquet: a row for each, taken from the file that was verified.

The report shows them, so that nobody has to decode a video again to see what was masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.storage.parquet_file import NAME, created, metadata_of, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("why", NAME, nullable=False),
        pa.field("width_px", pa.int32(), nullable=False),
        pa.field("height_px", pa.int32(), nullable=False),
        pa.field("jpeg", pa.binary(), nullable=False),
    ]
)
#: Metadata keys of every file, all strings.
METADATA_KEYS = ("video_id", "work_id")


def write_thumbnails(
    path: Path, thumbnails: Sequence[Thumbnail], *, video_id: str, work_id: str
) -> None:
    """Write the pictures of a result; the same input gives the same bytes.

    Raises:
        StoreError: the file cannot be written; nothing is left of it.
    """
    schema = SCHEMA.with_metadata({"video_id": video_id, "work_id": work_id})
    rows = [
        {
            "video_id": video_id,
            "frame": one.moment.frame,
            "time_s": one.time_s,
            "why": one.moment.why,
            "width_px": one.width_px,
            "height_px": one.height_px,
            "jpeg": one.jpeg,
        }
        for one in thumbnails
    ]
    with created(path, schema) as write:
        write(pa.Table.from_pylist(rows, schema=schema))


def read_thumbnails(path: Path) -> tuple[tuple[Thumbnail, ...], dict[str, str]]:
    """What ``write_thumbnails`` was given, with the file's metadata.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        rows = file.read().to_pylist()
        said = metadata_of(file, path, METADATA_KEYS)
    return tuple(
        Thumbnail(
            Moment(row["frame"], row["why"]),
            row["time_s"],
            row["width_px"],
            row["height_px"],
            row["jpeg"],
        )
        for row in rows
    ), said

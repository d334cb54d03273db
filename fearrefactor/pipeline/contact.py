"""A before/after contact sheet of a finished video; it shows the source, so only on request."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fearrefactor.core.letterbox import fit
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import AlreadyExistsError
from fearrefactor.media.child import MediaChild
from fearrefactor.media.contact_sheet import contact_sheet
from fearrefactor.storage.locations import locate, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.storage.reader import ObjectReader

_N_MOMENTS = 4
_LONG_SIDE = 640
_WIDTH_PX = 1280


def write_contact_sheet(report: VideoReport, settings: JobSettings) -> str:
    """Write the sheet of a finished video beside it; answers its address.

    Raises:
        StoreError, MediaError: the source or the result cannot be read any more.
    """
    output = open_store(settings.output_root, settings.s3)
    key = str(Path(report.output_key or "").with_suffix(".png"))
    place = locate(report.uri)
    source = open_store(place.store_root, settings.s3).open(place.key)
    with tempfile.TemporaryDirectory(prefix="fearrefactor-sheet-") as folder:
        before, index = _moments(source, Path(folder), settings)
        after, _ = _moments(output.open(report.output_key or ""), Path(folder), settings)
    moments = _choose(index.n_frames)
    captions = [f"frame {frame}, {index.time_s(frame):.2f} s" for frame in moments]
    png = contact_sheet(list(zip(before, after, strict=True)), captions, _WIDTH_PX)
    with contextlib.suppress(AlreadyExistsError):  # the same work, the same sheet
        output.create(key, png, {})
    return output.uri(key)


def _moments(
    file: ObjectReader, scratch: Path, settings: JobSettings
) -> tuple[list[NDArray[np.uint8]], VideoIndex]:
    """Upright RGB pictures of the chosen frames, ``(height, width, 3)`` uint8."""
    with file, MediaChild(file, scratch) as child:
        index = child.index(settings.limits, CutSettings(min_segment_frames=1))
        info = index.info
        box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, _LONG_SIDE)
        wanted = _choose(index.n_frames)
        pictures: list[NDArray[np.uint8]] = []
        for task in index.tasks():
            if not _any_in(wanted, task.segment.first_frame, task.segment.end_frame):
                continue
            for batch in child.frames(task, box, settings.batch):
                for frame, pixels in zip(batch.frames.tolist(), batch.pixels, strict=True):
                    if frame in wanted:
                        pictures.append(
                            pixels[
                                box.top : box.top + box.height, box.left : box.left + box.width
                            ].copy()
                        )
    return pictures, index


def _choose(n_frames: int) -> list[int]:
    """Frames in the middle of equal parts of the video."""
    n = min(_N_MOMENTS, n_frames)
    return [(2 * part + 1) * n_frames // (2 * n) for part in range(n)]


def _any_in(frames: Sequence[int], start: int, end: int) -> bool:
    return any(start <= frame < end for frame in frames)

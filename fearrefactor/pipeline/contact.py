"""A before/after contact sheet of a finished video; it shows the source, so only on request."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.letterbox import fit
from fearrefactor.errors import AlreadyExistsError
from fearrefactor.media.child import MediaChild
from fearrefactor.media.contact_sheet import contact_sheet
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.pipeline.job import JobSettings

_N_MOMENTS = 4
_LONG_SIDE = 640
_WIDTH_PX = 1280
#: Encoding moves few samples by more than this, and masking many.
_CHANGED = 40
_LEAST_SHARE = 0.0005


def write_contact_sheet(report: VideoReport, settings: JobSettings) -> str:
    """Write the sheet of a finished video beside it; answers its address.

    Raises:
        StoreError, MediaError: the source or the result cannot be read any more.
    """
    output = open_store(settings.output_root, settings.s3)
    # Not just .png: that is the name of the result itself where the source is one.
    key = str(Path(report.output_key or "").with_suffix(".before-after.png"))
    place = locate(report.uri)
    source = open_store(place.store_root, settings.s3).open(place.key)
    result = output.open(report.output_key or "")
    with (
        source,
        result,
        scratch_folder("sheet") as folder,
        MediaChild(source, folder, settings.child) as before,
        MediaChild(result, folder, settings.child) as after,
    ):
        index = _index(before, settings)
        moments = _most_changed(
            index.n_frames,
            _pictures(before, index, settings.batch),
            _pictures(after, _index(after, settings), settings.batch),
        )
    png = contact_sheet(
        [(moment.before, moment.after) for moment in moments],
        [f"frame {moment.frame}, {index.time_s(moment.frame):.2f} s" for moment in moments],
        _WIDTH_PX,
    )
    with contextlib.suppress(AlreadyExistsError):  # the same work, the same sheet
        output.create(key, png, {})
    return output.uri(key)


@dataclass(frozen=True)
class _Moment:
    """A frame before and after, ``(height, width, 3)`` uint8 RGB; ``share`` of it has changed."""

    frame: int
    share: float
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]


def _index(child: MediaChild, settings: JobSettings) -> VideoIndex:
    return child.index(settings.limits, settings.cut)


def _pictures(child: MediaChild, index: VideoIndex, batch: int) -> Iterator[NDArray[np.uint8]]:
    """All frames, small and upright, each valid until the next is asked for."""
    info = index.info
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, _LONG_SIDE)
    for task in index.tasks():
        for frames in child.frames(task, box, batch):
            yield from frames.pixels[
                :, box.top : box.top + box.height, box.left : box.left + box.width
            ]


def _most_changed(
    n_frames: int, before: Iterable[NDArray[np.uint8]], after: Iterable[NDArray[np.uint8]]
) -> list[_Moment]:
    """From each of equal parts of the video the frame that masking changed most.

    Parts in which nothing changed are left out, unless nothing changed anywhere.
    """
    n_parts = min(_N_MOMENTS, n_frames)
    best: dict[int, _Moment] = {}
    for frame, (old, new) in enumerate(zip(before, after, strict=True)):
        share = float(np.mean(np.maximum(old, new) - np.minimum(old, new) > _CHANGED))
        part = frame * n_parts // n_frames
        if part not in best or share > best[part].share:
            best[part] = _Moment(frame, share, old.copy(), new.copy())
    changed = [moment for moment in best.values() if moment.share > _LEAST_SHARE]
    return changed or list(best.values())

"""Unmasked pictures of a source, at the moments that a report shows; only for who asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.core.letterbox import fit
from fearrefactor.core.settings import ChildSettings, CutSettings, Limits
from fearrefactor.errors import SourceChangedError
from fearrefactor.media.child import MediaChild
from fearrefactor.media.jpeg import as_jpeg
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.thumbnail import Thumbnail
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.storage.s3 import S3Settings

#: Each GOP is a segment, so that no other one is decoded.
_BY_GOP: Final = CutSettings(min_segment_frames=1)
_BATCH: Final = 8


def source_pictures(
    video: VideoReport, thumbnails: Sequence[Thumbnail], s3: S3Settings
) -> dict[int, bytes]:
    """What the source of ``video`` shows where ``thumbnails`` show the result: JPEG by frame.

    They are of the same size. The source is parsed by a media process, and only the GOPs that hold
    these frames are decoded.

    Raises:
        StoreError, MediaError: the source cannot be read. SourceChangedError: it is another one.
    """
    if not thumbnails:
        return {}
    place = locate(video.uri)
    store = open_store(place.store_root, s3)
    found = store.stat(place.key)
    if video.input_bytes not in {None, found.size_bytes}:
        raise SourceChangedError(
            f"{video.uri} has {found.size_bytes} B and had {video.input_bytes} B when it was masked"
        )
    with (
        store.open(place.key, found) as source,
        scratch_folder("source") as folder,
        MediaChild(source, folder, ChildSettings()) as child,
    ):
        index = child.index(Limits(), _BY_GOP)
        if video.n_frames not in {None, index.n_frames}:
            raise SourceChangedError(
                f"{video.uri} has {index.n_frames} frames and had {video.n_frames} when it was "
                "masked"
            )
        return _pictures(child, index, thumbnails)


def _pictures(
    child: MediaChild, index: VideoIndex, thumbnails: Sequence[Thumbnail]
) -> dict[int, bytes]:
    info = index.info
    long_side = max(thumbnails[0].width_px, thumbnails[0].height_px)
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, long_side)
    wanted = {one.moment.frame for one in thumbnails}
    rows = slice(box.top, box.top + box.height)
    columns = slice(box.left, box.left + box.width)
    found = {}
    for task in index.tasks():
        frames = range(task.segment.first_frame, task.segment.end_frame)
        if wanted.isdisjoint(frames):
            continue
        for batch in child.frames(task, box, _BATCH):
            for frame, pixels in zip(batch.frames.tolist(), batch.pixels, strict=True):
                if frame in wanted:
                    found[frame] = as_jpeg(pixels[rows, columns])
    return found

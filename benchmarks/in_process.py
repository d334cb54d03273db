"""What a media child does, done in the process that asks: no sandbox, no second process, no wire.

For comparison only. Nothing that a stranger made may be opened like this.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from fearrefactor.media.assemble import assemble
from fearrefactor.media.child import FrameBatch
from fearrefactor.media.decode import checksum, segment_frames, shrink
from fearrefactor.media.index import index_source
from fearrefactor.media.render import as_written, render_segment
from fearrefactor.media.rendered import rendered_frames
from fearrefactor.media.sandbox import Confinement
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import ChildSettings, CutSettings, Limits, RenderSettings
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.media.source import Source
    from fearrefactor.media.verify import Expected, Verified

_PIECE_BYTES = 4 << 20


class InProcessMedia:
    """Has the methods of ``MediaChild``."""

    confinement = Confinement((), ())

    def __init__(self, source: Source, scratch: Path, settings: ChildSettings) -> None:  # noqa: ARG002
        cv2.setNumThreads(1)  # as in a child
        self._source = source
        self._folder = tempfile.TemporaryDirectory(prefix="child-", dir=scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """See ``MediaChild``; the source is closed too."""
        self._folder.cleanup()

    def index(self, limits: Limits, cut: CutSettings) -> VideoIndex:
        """See ``MediaChild``."""
        return index_source(self._source, limits, cut)

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """See ``MediaChild``."""
        found = segment_frames(self._source, task)
        return _batches(found, task.info.rotation_deg, box, batch)

    def rendered_frames(
        self,
        task: SegmentTask,
        packets: Path,
        *,
        wanted: NDArray[np.int64],
        settings: RenderSettings,
        box: Letterbox,
        batch: int,
    ) -> Iterator[FrameBatch]:
        """See ``MediaChild``."""
        indices = set(wanted.tolist())
        found = rendered_frames(packets, task, settings)
        frames = ((index, frame) for index, frame in found if index in indices)
        return _batches(frames, as_written(task.info).rotation_deg, box, batch)

    def render(
        self,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
        settings: RenderSettings,
    ) -> Iterator[bytes]:
        """See ``MediaChild``."""
        piece = bytearray()
        for packet in render_segment(self._source, task, regions, wanted, settings):
            piece += packet.pack()
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    def assemble(
        self,
        index: VideoIndex,
        rendered: Sequence[Path],
        wanted: NDArray[np.bool_],
        settings: RenderSettings,
        keep_tags: Sequence[str] = (),
    ) -> Path:
        """See ``MediaChild``."""
        splice = Splice(index.info, index.gops, wanted, settings)
        return assemble(self._source, splice, rendered, Path(self._folder.name), keep_tags)

    def verify(self, result: Path, expected: Expected, limits: Limits) -> Verified:
        """See ``MediaChild``."""
        return verify(self._source, result, expected, limits)


def _batches(
    frames: Iterable[tuple[int, VideoFrame]], rotation_deg: int, box: Letterbox, batch: int
) -> Iterator[FrameBatch]:
    pixels = np.zeros((batch, box.input_height, box.input_width, 3), np.uint8)
    indices: list[int] = []
    checksums: list[int] = []
    for index, frame in frames:
        shrink(frame, box, rotation_deg, pixels[len(indices)])
        indices.append(index)
        checksums.append(checksum(frame))
        if len(indices) == batch:
            yield _batch(indices, pixels, checksums)
            indices, checksums = [], []
    if indices:
        yield _batch(indices, pixels[: len(indices)], checksums)


def _batch(indices: list[int], pixels: NDArray[np.uint8], checksums: list[int]) -> FrameBatch:
    return FrameBatch(np.array(indices, np.int64), pixels, np.array(checksums, np.uint32))

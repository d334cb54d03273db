"""A detect pass over pictures of a data set, by the very steps that ``mask`` takes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.detections import join
from fearrefactor.media.jpeg_sequence import mux_jpegs
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.video import VideoInfo
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.vision.segmenter import Segmenter

#: DAVIS was filmed so. Rules give times in seconds: they need to know.
FRAMES_PER_S = 24


@dataclass(frozen=True)
class Watched:
    """All that was seen in a video or an image, and what masks are laid on."""

    detections: Detections
    canvas: Canvas
    info: VideoInfo
    card: ModelCard


class Observer:
    """Lets a model look at sequences and images, one after the other.

    Of ``n_frames`` so far ``n_reused`` had the answer to one before (see ``pipeline/reuse``).
    """

    def __init__(
        self, segmenter: Segmenter, scratch: Path, progress: Progress, reuse_within: float
    ) -> None:
        self.card = segmenter.card
        self._progress = progress
        self.n_frames = self.n_reused = 0
        settings = JobSettings(str(scratch), "", S3Settings(), reuse_within=reuse_within)
        self._worker = VideoWorker(settings, segmenter, scratch)

    def close(self) -> None:
        """End the media process and remove what it left."""
        self._worker.close()

    def expect(self, n_frames: int) -> None:
        """So many more frames are going to be looked at."""
        self._progress.add_work(n_frames)

    def watch(self, path: Path) -> Watched:
        """A video or an image.

        Raises:
            MediaError: it cannot be decoded. ModelError: the model answers rubbish.
        """
        survey = self._worker.survey(str(path.resolve()))
        index = survey.index
        parts = []
        for task in index.tasks():
            found, _ = self._worker.detect(survey.source, task)
            parts.append(found)
            self.n_frames += len(found.frames)
            self.n_reused += found.n_reused
            self._progress.did_frames(task.segment.n_frames)
        return Watched(join(parts, index.n_frames), index.canvas, index.info, self.card)

    def watch_pictures(self, pictures: Sequence[Path]) -> Watched:
        """JPEG files of one size as a video of ``FRAMES_PER_S``, a frame each.

        Raises:
            MediaError: as ``watch``, or a file is no JPEG.
        """
        path = self._worker.scratch / "sequence.mkv"
        mux_jpegs(pictures, path, FRAMES_PER_S)
        try:
            return self.watch(path)
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def observing(
    segmenter: Segmenter, progress: Progress, reuse_within: float = 0.0
) -> Iterator[Observer]:
    """An observer with a directory of its own, for the length of a ``with`` block.

    ``reuse_within``: see ``JobSettings``.
    """
    with scratch_folder("evaluate") as folder:
        observer = Observer(segmenter, folder, progress, reuse_within)
        with contextlib.closing(observer):
            yield observer

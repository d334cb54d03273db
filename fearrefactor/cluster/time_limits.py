"""How long a worker may take for a step before it is taken for hung, and killed.

A media process that is late is ended by its parent, which tells why. These limits lie above: they
are for a model, a store or a parent that never answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.media.budget import Budget

if TYPE_CHECKING:
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.video import SegmentTask, VideoInfo
    from fearrefactor.pipeline.job import JobSettings, PinnedSource, Seen

#: A large model on a slow core takes about one.
_MODEL_S_PER_FRAME: Final = 10.0
#: For each frame and each thing seen in it: a hundred times what one core takes.
_DECIDE_S: Final = 0.2
#: Of a log of detections, at most; the driver does not know how large one is.
_LOG_BYTES: Final = 1 << 30
#: Of what is rendered, at least: ten times what crf 18 makes of most films.
_PIXELS_PER_BYTE: Final = 4


class TimeLimits:
    """Wall seconds by step: what its media processes may take, their start, model and store."""

    def __init__(self, settings: JobSettings) -> None:
        self._patience = settings.child.patience
        self._budget = Budget(self._patience)
        self._max_bytes = settings.limits.max_bytes

    def survey(self) -> float:
        """Of a source that may be as large as any that is taken: read once, then indexed."""
        return self._start() + 2 * self._budget.reading(self._max_bytes)

    def lookup(self) -> float:
        """For what an earlier run has left."""
        return self._budget.reading(_LOG_BYTES)

    def detect(self, source: PinnedSource, task: SegmentTask) -> float:
        """For a segment through decoder and model."""
        n_frames = task.segment.n_frames
        decoding = self._budget.decoding(source.stat.size_bytes, _pixels(task.info, n_frames))
        return self._start() + decoding + self._model(n_frames)

    def decide(self, detections: Detections) -> float:
        """For the plan of all that was seen."""
        n_seen = len(detections.frames) + len(detections)
        return self._start() + self._patience * _DECIDE_S * n_seen

    def render(self, source: PinnedSource, task: SegmentTask) -> float:
        """For a segment, all of it."""
        n_pixels = _pixels(task.info, task.segment.n_frames)
        return self._start() + self._budget.rendering(source.stat.size_bytes, n_pixels)

    def audit(self, source: PinnedSource, task: SegmentTask, n_frames: int) -> float:
        """For ``n_frames`` of a rendered segment, which is fetched and decoded first."""
        return self.detect(source, task) + self._start() + self._model(n_frames)

    def finish(self, seen: Seen) -> float:
        """For fetching the packets, assembling, verifying and publishing."""
        index = seen.survey.index
        n_pixels = _pixels(index.info, index.n_frames)
        n_bytes = 2 * (index.info.size_bytes + n_pixels // _PIXELS_PER_BYTE)
        moving = 3 * self._budget.reading(n_bytes)  # fetch, assemble, publish
        return 2 * self._start() + moving + self._budget.decoding(n_bytes, 2 * n_pixels)

    def _start(self) -> float:
        return self._budget.reading(0)

    def _model(self, n_frames: int) -> float:
        return self._patience * _MODEL_S_PER_FRAME * n_frames


def _pixels(info: VideoInfo, n_frames: int) -> int:
    """Of so many frames."""
    return info.width_px * info.height_px * n_frames

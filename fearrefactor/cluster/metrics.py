"""What a run counts for Prometheus, through the exporter that Ray has on every node.

Ray puts ``ray_`` before each name and ``_total`` behind that of a counter. Labels take few values:
no video has one of its own. To record a value takes some three microseconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from ray.util.metrics import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.cluster.pool import ActorPool
    from fearrefactor.core.detections import Instances
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.meters import Cause
    from fearrefactor.vision.segmenter import Segmenter

#: What each counts, and its labels beside ``run``.
COUNTERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "fearrefactor_videos": ("Rows that have come to their end.", ("outcome", "code")),
    "fearrefactor_videos_reused": ("Those that an earlier run had done.", ()),
    "fearrefactor_video_frames": ("Frames of videos that have ended.", ()),
    "fearrefactor_masked_frames": ("Those in which something is masked.", ()),
    "fearrefactor_leaks_closed": ("Things that the audit saw and that were hidden better.", ()),
    "fearrefactor_input_bytes": ("Bytes of the sources of videos that have ended.", ()),
    "fearrefactor_output_bytes": ("Bytes of their results, but for those of earlier runs.", ()),
    "fearrefactor_frames": ("Frames that have been through a stage.", ("stage",)),
    "fearrefactor_stage_seconds": ("Wall seconds of steps, of all workers together.", ("stage",)),
    "fearrefactor_steps_lost": ("Steps that a loss has ended.", ("cause", "counts")),
}
GAUGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "fearrefactor_videos_in_hand": ("Rows that the driver works on.", ()),
    "fearrefactor_workers": ("Workers that are up.", ("workers",)),
    "fearrefactor_calls_in_flight": ("Steps that workers are at.", ("workers",)),
    "fearrefactor_calls_waiting": ("Steps, mostly of a segment, without a worker.", ("workers",)),
}
HISTOGRAMS: Final[dict[str, str]] = {
    "fearrefactor_model_batch_seconds": "Seconds that the model took for frames given at once.",
    "fearrefactor_model_frame_seconds": "The same for each of these frames.",
}
_BOUNDARIES_S: Final = [
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
]
#: Ray reports every ten seconds.
_SAMPLE_S: Final = 1.0


class DriverMetrics:
    """``Meters`` of a run; ``pools``, by name, are looked at about once a second."""

    def __init__(self, run: str, pools: Mapping[str, ActorPool]) -> None:
        self._pools = pools
        self._counters = {
            name: Counter(name, told, ("run", *labels)).set_default_tags({"run": run})
            for name, (told, labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, told, ("run", *labels)).set_default_tags({"run": run})
            for name, (told, labels) in GAUGES.items()
        }
        self._n_in_hand = 0
        self._sampled_at = 0.0

    def in_hand(self, change: int) -> None:
        """See ``Meters``."""
        self._n_in_hand += change

    def took(self, stage: str, seconds: float) -> None:
        """See ``Meters``."""
        self._add("fearrefactor_stage_seconds", seconds, stage=stage)

    def did_frames(self, stage: str, n_frames: int) -> None:
        """See ``Meters``."""
        self._add("fearrefactor_frames", n_frames, stage=stage)

    def lost(self, cause: Cause, *, counts: bool) -> None:
        """See ``Meters``."""
        self._add("fearrefactor_steps_lost", 1, cause=cause, counts="yes" if counts else "no")

    def did_video(self, report: VideoReport) -> None:
        """See ``Meters``."""
        code = report.code or ""
        self._add("fearrefactor_videos", 1, outcome=report.outcome, code=code)
        self._add("fearrefactor_videos_reused", report.reused)
        self._add("fearrefactor_video_frames", report.n_frames)
        self._add("fearrefactor_masked_frames", report.n_masked_frames)
        self._add("fearrefactor_leaks_closed", report.n_leaks)
        self._add("fearrefactor_input_bytes", report.input_bytes)
        if not report.reused:
            self._add("fearrefactor_output_bytes", report.output_bytes)

    def sample(self, *, now: bool = False) -> None:
        """Look how much is under way, if that was not done just before; or ``now``."""
        time_s = time.monotonic()
        if not now and time_s - self._sampled_at < _SAMPLE_S:
            return
        self._sampled_at = time_s
        self._gauges["fearrefactor_videos_in_hand"].set(self._n_in_hand)
        for name, pool in self._pools.items():
            tags = {"workers": name}
            self._gauges["fearrefactor_workers"].set(pool.n_workers, tags)
            self._gauges["fearrefactor_calls_in_flight"].set(pool.n_in_flight, tags)
            self._gauges["fearrefactor_calls_waiting"].set(pool.n_waiting, tags)

    def _add(self, name: str, value: float | None, **tags: str) -> None:
        if value:  # Ray takes no 0
            self._counters[name].inc(value, tags)


class TimedSegmenter:
    """A segmenter of which a worker counts how long it takes."""

    def __init__(self, segmenter: Segmenter, run: str) -> None:
        self._segmenter = segmenter
        self._batch, self._frame = (
            Histogram(name, told, _BOUNDARIES_S, ("run",)).set_default_tags({"run": run})
            for name, told in HISTOGRAMS.items()
        )

    @property
    def card(self) -> ModelCard:
        """The card of the segmenter behind it."""
        return self._segmenter.card

    def segment(self, frames: Any) -> list[Instances]:
        """See ``Segmenter.segment``."""
        start = time.perf_counter()
        found = self._segmenter.segment(frames)
        seconds = time.perf_counter() - start
        self._batch.observe(seconds)
        for _ in range(len(found)):
            self._frame.observe(seconds / len(found))
        return found

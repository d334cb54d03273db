"""``Stages`` by script: no file, no process, no model, but every way in which a step can end."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from values import video_index

from fearrefactor.core.detections import Detections
from fearrefactor.core.model import ModelCard
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import SKETCH
from fearrefactor.pipeline.deciding import decided
from fearrefactor.pipeline.job import JobSettings, Logged, PinnedSource, Published, Survey
from fearrefactor.pipeline.meters import NoMeters
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.storage.objects import ObjectStat
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import Segment, SegmentTask, VideoIndex
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import Seen

CARD = ModelCard(
    name="toy", sha256="cd" * 32, classes=("dog", "person"), long_side=160, licence="none"
)
VERSIONS = {"fearrefactor": "0"}


@dataclass
class Film:
    """What happens to a source on its way.

    A dog is seen in frames ``dogs``; frames ``skipped`` are never inspected. ``faults`` are raised
    by a step one after the other, a call each; ``n_pauses`` is how often each step lets others go
    first.
    """

    n_frames: int = 24
    n_segments: int = 2
    dogs: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    n_pauses: int = 0
    info: Mapping[str, Any] = field(default_factory=dict)
    published: Published | None = None
    logged: Logged | None = None


class FakeStages:
    """Does the steps of films by URI; ``calls`` tells which were done, in order."""

    def __init__(self, films: Mapping[str, Film]) -> None:
        self.card = CARD
        self.detect_settings = "fake"
        self.max_videos = 2
        self.packet_room_bytes: int | None = None
        self.meters = NoMeters()
        self.calls: list[tuple[str, str]] = []
        self.finished_with: list[tuple[list[Any], bool]] = []
        self.rendered: list[int] = []
        self.regions: dict[int, int] = {}
        self._films = films
        self._uris: dict[str, str] = {}

    async def survey(self, uri: str) -> Survey:
        """An index of as many frames as the film has."""
        film = await self._step("survey", uri)
        source = PinnedSource(uri, "/nowhere", ObjectStat(uri, 1000, "v1"))
        index = make_index(film.n_frames, film.n_segments, **film.info)
        sha256 = hashlib.sha256(uri.encode()).hexdigest()
        return Survey(source, sha256, index, {"index": 0.5})

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What the film says, whatever the work; rows are called like their URIs here."""
        published = (await self._step("find", row_key)).published
        return None if published is None else (work_ids[0], published)

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:  # noqa: ARG002
        """What the film says, whatever the model."""
        return (await self._step("logged", row_key)).logged

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """A dog in each of the film's frames that has one."""
        film = await self._step("detect", source.uri)
        return make_detections(task.segment, film.dogs, film.skipped), 0.25

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """What real stages decide."""
        return decided(detections, policy, self.card, canvas)

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[str, float]:
        """A word for the packets."""
        await self._step("render", source.uri)
        self.rendered += [task.segment.first_gop + int(gop) for gop in np.flatnonzero(wanted)]
        self.regions |= {frame: len(found) for frame, found in regions.items()}
        return f"packets of {source.uri} {task.segment.index}", 0.125

    async def audit(
        self,
        source: PinnedSource,
        task: SegmentTask,
        rendered: str,  # noqa: ARG002
        frames: Sequence[int],
    ) -> tuple[Detections, float]:
        """No dog anywhere: what was masked is hidden."""
        await self._step("audit", source.uri)
        inspected = frozenset(range(task.segment.first_frame, task.segment.end_frame))
        return make_detections(task.segment, frozenset(), inspected - set(frames)), 0.0625

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """Published under the names that ``seen`` says."""
        self.finished_with.append((list(rendered), whole))
        await self._step("finish", seen.survey.source.uri)
        return Published(
            output_key=f"videos/{seen.row_key}.mp4",
            output_sha256="0f" * 32,
            output_bytes=1,
            detections_key=f"detections/{seen.row_key}.parquet",
            detections_sha256="0e" * 32,
            plan_key=f"plans/{seen.row_key}.parquet",
            plan_sha256="0d" * 32,
            outcome=seen.outcome,
            reason="; ".join(seen.reasons) or None,
            n_frames=seen.survey.index.n_frames,
            n_masked_frames=seen.plan.n_masked_frames,
            n_detections=len(seen.detections),
            reused=False,
            seconds={"verify": 0.5},
        )

    def count(self, step: str) -> int:
        """How often a step was called."""
        return sum(name == step for name, _ in self.calls)

    async def _step(self, name: str, uri: str) -> Film:
        self.calls.append((name, uri))
        film = self._films.get(uri) or Film()
        for _ in range(film.n_pauses):
            await asyncio.sleep(0)
        faults = film.faults.get(name)
        if faults:
            raise faults.pop(0)
        return film


class Tally:
    """``Progress`` that adds up what it is told."""

    def __init__(self) -> None:
        self.n_expected = self.n_done = 0
        self.videos: list[VideoReport] = []

    def add_work(self, n_frames: int) -> None:
        """Count frames to be done."""
        self.n_expected += n_frames

    def did_frames(self, n_frames: int) -> None:
        """Count frames done."""
        self.n_done += n_frames

    def did_video(self, report: VideoReport) -> None:
        """Keep a report."""
        self.videos.append(report)


def make_context(stages: FakeStages, progress: Tally | None = None) -> RunContext:
    """A run on fake stages."""
    settings = JobSettings("/nowhere", "", S3Settings())
    return RunContext(settings, stages, progress or Tally(), VERSIONS)


def make_detections(
    segment: Segment, dogs: frozenset[int], skipped: frozenset[int] = frozenset()
) -> Detections:
    """A dog of 16 × 16 pixels in each of the frames ``dogs`` of a segment."""
    inspected = set(range(segment.first_frame, segment.end_frame)) - skipped
    frames = np.array(sorted(inspected), np.int64)
    hits = np.array([frame for frame in frames.tolist() if frame in dogs], np.int64)
    bits = np.zeros((len(hits), 24, 40), np.uint8)
    bits[:, 4:8, 4:8] = 1
    return Detections(
        frames=frames,
        sketch=np.zeros((len(frames), SKETCH), np.uint8),
        checksum=np.zeros(len(frames), np.uint32),
        frame=hits,
        class_id=np.zeros(len(hits), np.int32),
        score=np.full(len(hits), 0.9, np.float32),
        box=np.tile(np.array([16, 16, 32, 32], np.float32), (len(hits), 1)),
        mask=tuple(encode(bits)),
        surround=np.zeros((len(hits), 3), np.uint8),
    )


def make_index(n_frames: int = 24, n_segments: int = 2, **changes: Any) -> VideoIndex:
    """An index of frames at 24 a second in segments of about one length."""
    edges = [round(part * n_frames / n_segments) for part in range(n_segments + 1)]
    lengths = [end - first for first, end in itertools.pairwise(edges)]
    return video_index(
        lengths,
        time_base=Fraction(1, 24),
        n_frames_from_header=n_frames,
        duration_s=n_frames / 24,
        size_bytes=1000,
        **changes,
    )

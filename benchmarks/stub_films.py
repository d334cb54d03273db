"""Steps of films that are not there: answered at once, with values as large as real ones.

A film is called ``NUMBER-SEGMENTS-DIRTY``: how many segments of ``N_FRAMES`` frames it has, and of
how many of them the first ten frames show a dog. No file is opened, no model is run, nothing is
published.
"""

from __future__ import annotations

import functools
import hashlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.core.detections import Detections
from fearrefactor.core.gops import Gops
from fearrefactor.core.model import ModelCard
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import SKETCH
from fearrefactor.core.video import StreamInfo, VideoIndex, VideoInfo, cut
from fearrefactor.pipeline.deciding import Decided
from fearrefactor.pipeline.job import PinnedSource, Published, Survey
from fearrefactor.pipeline.meters import NoMeters
from fearrefactor.storage.objects import ObjectStat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import Logged, Seen

N_FRAMES, N_SEEN = 60, 10
CARD = ModelCard(name="stub", sha256="5" * 64, classes=("dog",), long_side=640, licence="none")
_BLUR = Effect()
POLICY = Policy(name="dogs", rules=(Rule(classes=("dog",)),))


def film(number: int, n_segments: int, n_dirty: int = 0) -> str:
    """The name of a film, by which every process knows all of it."""
    return f"{number}-{n_segments}-{n_dirty}"


class StubSteps:
    """The steps of ``Stages`` as functions that are over at once."""

    def survey(self, uri: str) -> Survey:
        """An index of ordinary H.264 at 720p; every film has its own checksum."""
        index = _index(int(uri.split("-")[1]))
        stat = ObjectStat(uri, index.info.size_bytes, "v1", modified_s=1.0)
        source = PinnedSource(uri, "/nowhere", stat, bytes(4 * (index.info.size_bytes >> 20)))
        return Survey(source, _sha256(uri), index, {"checksum": 0.1, "index": 0.1})

    def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:  # noqa: ARG002
        """No earlier run did it."""
        return None

    def logged(self, row_key: str, detect_id: str) -> Logged | None:  # noqa: ARG002
        """No earlier run saw it."""
        return None

    def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """A dog in some frames of a dirty segment."""
        is_dirty = task.segment.index < int(source.uri.split("-")[2])
        return _detections(task.segment.first_frame, N_FRAMES, N_SEEN * is_dirty), 0.1

    def decide(
        self,
        detections: Detections,
        policy: Policy,  # noqa: ARG002
        card: ModelCard,  # noqa: ARG002
        canvas: Canvas,
    ) -> Decided:
        """Each dog as it was seen: what a real plan costs is a worker's time."""
        region = (Region(_BLUR, _dog(), 200.0),)
        plan = MaskPlan(len(canvas.times_s), dict.fromkeys(detections.frame.tolist(), region))
        return Decided(plan, (), 0.1)

    def render(
        self,
        source: PinnedSource,  # noqa: ARG002
        task: SegmentTask,  # noqa: ARG002
        regions: Mapping[int, Sequence[Region]],  # noqa: ARG002
        wanted: NDArray[np.bool_],  # noqa: ARG002
    ) -> tuple[Any, float]:
        """No packets: what they weigh lies in Ray's memory, and is not the driver's."""
        return b"packets", 0.1

    def audit(
        self,
        source: PinnedSource,  # noqa: ARG002
        task: SegmentTask,  # noqa: ARG002
        rendered: Any,  # noqa: ARG002
        frames: Sequence[int],
    ) -> tuple[Detections, float]:
        """Nothing is recognised any more."""
        found = _detections(0, len(frames), 0)
        return Detections(**{**vars(found), "frames": np.array(frames, np.int64)}), 0.1

    def finish(
        self,
        seen: Seen,
        rendered: Sequence[Any],  # noqa: ARG002
        *,
        whole: bool,  # noqa: ARG002
    ) -> Published:
        """As if it were published."""
        return Published(
            output_key=f"videos/{seen.row_key}.{seen.work_id[:8]}.mp4",
            output_sha256=_sha256(seen.work_id),
            output_bytes=1_000_000,
            detections_key=f"detections/{seen.row_key}.{seen.detect_id[:8]}.parquet",
            detections_sha256=_sha256(seen.detect_id),
            plan_key=f"plans/{seen.row_key}.{seen.work_id[:8]}.parquet",
            plan_sha256=_sha256(f"plan {seen.work_id}"),
            outcome=seen.outcome,
            reason="; ".join(seen.reasons) or None,
            n_frames=seen.survey.index.n_frames,
            n_masked_frames=seen.plan.n_masked_frames,
            n_detections=len(seen.detections),
            reused=False,
            seconds={"assemble": 0.1, "verify": 0.1, "publish": 0.1},
        )


class StubStages:
    """``Stages`` in the driver's own process: what is left is the driver's own Python."""

    def __init__(self, max_videos: int) -> None:
        self.card = CARD
        self.detect_settings = "stub"
        self.max_videos = max_videos
        self.packet_room_bytes: int | None = None
        self.meters = NoMeters()
        self._steps = StubSteps()

    async def survey(self, uri: str) -> Survey:
        """See ``Stages``."""
        return self._steps.survey(uri)

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """See ``Stages``."""
        return self._steps.find(row_key, work_ids)

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """See ``Stages``."""
        return self._steps.logged(row_key, detect_id)

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """See ``Stages``."""
        return self._steps.detect(source, task)

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """See ``Stages``."""
        return self._steps.decide(detections, policy, self.card, canvas)

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Any, float]:
        """See ``Stages``."""
        return self._steps.render(source, task, regions, wanted)

    async def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Any, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """See ``Stages``."""
        return self._steps.audit(source, task, rendered, frames)

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """See ``Stages``."""
        return self._steps.finish(seen, rendered, whole=whole)


@functools.cache
def _index(n_segments: int) -> VideoIndex:
    edges = np.arange(n_segments + 1, dtype=np.int64)
    frames = edges * N_FRAMES
    streams = (
        StreamInfo(index=0, kind="video", codec="h264", kept=True),
        StreamInfo(index=1, kind="audio", codec="aac", language="und", kept=True),
    )
    info = VideoInfo(
        container="mov",
        is_image=False,
        codec="h264",
        stream_index=0,
        width_px=1280,
        height_px=720,
        pix_fmt="yuv420p",
        rotation_deg=0,
        display_matrix=None,
        sample_aspect_ratio=Fraction(1),
        time_base=Fraction(1, 15360),
        rate=Fraction(30),
        duration_s=n_segments * N_FRAMES / 30,
        interlaced=False,
        color_range=1,
        color_primaries=1,
        color_trc=1,
        colorspace=1,
        bit_rate=4_000_000,
        n_frames_from_header=n_segments * N_FRAMES,
        size_bytes=n_segments << 20,
        streams=streams,
        n_chapters=0,
        alpha=False,
        n_hidden_frames=0,
    )
    gops = Gops(frames, frames, frames * 512, edges << 20)
    pts = np.arange(n_segments * N_FRAMES, dtype=np.int64) * 512
    return VideoIndex(info, cut(gops, N_FRAMES), pts, gops)


@functools.lru_cache(4096)  # what it takes to make them is not the driver's
def _detections(first_frame: int, n_frames: int, n_seen: int) -> Detections:
    return Detections(
        frames=np.arange(first_frame, first_frame + n_frames, dtype=np.int64),
        sketch=np.zeros((n_frames, SKETCH), np.uint8),
        checksum=np.zeros(n_frames, np.uint32),
        frame=np.arange(first_frame, first_frame + n_seen, dtype=np.int64),
        class_id=np.zeros(n_seen, np.int32),
        score=np.full(n_seen, 0.9, np.float32),
        box=np.tile(np.array([400, 200, 500, 400], np.float32), (n_seen, 1)),
        mask=(_dog(),) * n_seen,
        surround=np.zeros((n_seen, 3), np.uint8),
    )


@functools.cache
def _dog() -> Any:
    bits = np.zeros((1, 90, 160), np.uint8)
    bits[:, 25:50, 50:62] = 1
    return encode(bits)[0]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

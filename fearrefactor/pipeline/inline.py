"""The steps of videos done by this very process, one after the other: no cluster, no actors."""

from __future__ import annotations

import itertools
import time
import weakref
from typing import TYPE_CHECKING

from fearrefactor.pipeline.deciding import decided
from fearrefactor.pipeline.meters import NoMeters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import Logged, PinnedSource, Published, Seen, Survey
    from fearrefactor.pipeline.worker import VideoWorker


class HeldPackets:
    """A file of a rendered segment's packets, which is gone as soon as nobody holds this."""

    def __init__(self, path: Path) -> None:
        self.path = path
        weakref.finalize(self, path.unlink, missing_ok=True)


class InlineStages:
    """``Stages`` on one ``VideoWorker``; rendered segments wait in its scratch directory.

    Videos may take turns: one that has stepped aside comes back while another is in hand.
    """

    def __init__(self, worker: VideoWorker, card: ModelCard, detect_settings: str) -> None:
        self.card = card
        self.detect_settings = detect_settings
        self.max_videos = 1
        self.packet_room_bytes: int | None = None
        self.meters = NoMeters()  # there is no exporter
        self._worker = worker
        self._numbers = itertools.count()

    async def survey(self, uri: str) -> Survey:
        """Pin, checksum and index a source."""
        return self._worker.survey(uri)

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What an earlier run published."""
        return self._worker.find(row_key, work_ids)

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Detections that an earlier run has logged."""
        return self._worker.logged(row_key, detect_id)

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of a segment, and seconds."""
        return self._worker.detect(source, task)

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """What is masked where."""
        return decided(detections, policy, self.card, canvas)

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[HeldPackets, float]:
        """The segment's rendered packets, and seconds."""
        start = time.perf_counter()
        packets = self._worker.render(source, task, regions, wanted)
        held = HeldPackets(self._worker.hold(f"{next(self._numbers)}.packets", packets))
        return held, time.perf_counter() - start

    async def audit(
        self,
        source: PinnedSource,
        task: SegmentTask,
        rendered: HeldPackets,
        frames: Sequence[int],
    ) -> tuple[Detections, float]:
        """What the model sees in some frames of a rendered segment, and seconds."""
        return self._worker.audit(source, task, rendered.path, frames)

    async def finish(
        self, seen: Seen, rendered: Sequence[HeldPackets], *, whole: bool
    ) -> Published:
        """Assemble, verify and publish."""
        paths = [packets.path for packets in rendered]
        return self._worker.finish(seen, paths, whole=whole)

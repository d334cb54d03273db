"""Who does the steps of videos: this process (``pipeline/inline.py``) or actors of a cluster."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fearrefactor.pipeline.admission import Admission
from fearrefactor.pipeline.claims import NoClaims
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.journal import NoJournal
from fearrefactor.pipeline.meters import NoMeters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.claims import Claims
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import (
        JobSettings,
        Logged,
        PinnedSource,
        Published,
        Seen,
        Survey,
    )
    from fearrefactor.pipeline.journal import Journal
    from fearrefactor.pipeline.meters import Meters
    from fearrefactor.pipeline.progress import Progress

#: The number of the row that steps are done for; of steps that wait, those of the first row are
#: done first, so that a driver that dies has few videos half done.
TURN: ContextVar[int] = ContextVar("turn", default=0)


class Stages(Protocol):
    """Who does the steps of videos. Each may be called for several videos at once.

    What ``render`` answers is only ever handed on to ``audit`` and ``finish`` of the same stages.
    ``max_videos`` is how many may be in hand at once, so that nobody waits for the driver.
    ``meters`` are those of the place where they are done.
    """

    card: ModelCard
    detect_settings: str

    @property
    def meters(self) -> Meters:
        """Whoever counts what is done; ``NoMeters`` where nobody could ask."""
        ...

    @property
    def max_videos(self) -> int:
        """At least 1."""
        ...

    @property
    def packet_room_bytes(self) -> int | None:
        """How much memory there is for all that ``render`` answered; None if it takes none."""
        ...

    async def survey(self, uri: str) -> Survey:
        """Pin, checksum and index a source."""
        ...

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What an earlier run published for the first of these works that any did, and which."""
        ...

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Detections that an earlier run has logged, whole."""
        ...

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of a segment, and seconds."""
        ...

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """What is masked where, of all that was seen."""
        ...

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Any, float]:
        """The GOPs ``wanted`` of a segment, masked and encoded, and seconds."""
        ...

    async def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Any, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """What the model sees in some frames of a rendered segment, and seconds."""
        ...

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """Assemble, verify and publish. ``whole``: every GOP was rendered, not only dirty ones."""
        ...


@dataclass(frozen=True)
class RunContext:
    """What all rows of a run share; ``versions`` of what decides the result, by name."""

    settings: JobSettings
    stages: Stages
    progress: Progress
    versions: Mapping[str, str]
    journal: Journal = field(default_factory=NoJournal)
    hands: Hands = field(default_factory=lambda: Hands(1))
    admission: Admission = field(default_factory=Admission)
    claims: Claims = field(default_factory=NoClaims)
    meters: Meters = field(default_factory=NoMeters)

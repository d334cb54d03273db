"""The stages of videos as calls to actors, each within its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import ray

from fearrefactor.cluster.metrics import DriverMetrics
from fearrefactor.cluster.packed import Packer, pack_seen, pack_subject
from fearrefactor.cluster.time_limits import TimeLimits
from fearrefactor.pipeline.log_lines import SUBJECT
from fearrefactor.pipeline.stages import TURN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.cluster.pool import ActorPool
    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import JobSettings, Logged, PinnedSource, Published, Seen, Survey

#: To end media children and remove files.
_LEAVE_S = 5.0
#: Of the memory for objects, as much may be taken by rendered packets.
_PACKET_SHARE = 0.5
_T = TypeVar("_T")


class RayStages:
    """``Stages`` on actors. Start it within the event loop, and stop it at the end."""

    def __init__(
        self,
        card: ModelCard,
        detect_settings: str,
        pools: tuple[ActorPool, ActorPool],
        settings: JobSettings,
    ) -> None:
        self.card = card
        self.detect_settings = detect_settings
        self._detectors, self._media = pools
        are_alike = self._detectors is self._media
        named = {"cpu": self._media} if are_alike else {"gpu": pools[0], "cpu": pools[1]}
        self.meters = DriverMetrics(settings.run_id, named)
        self._limits = TimeLimits(settings)
        self._packer = Packer()
        self.packet_room_bytes: int | None = _packet_room_bytes(self._media.n_calls)

    async def survey(self, uri: str) -> Survey:
        """Pin, checksum and index a source."""
        return await self._call(
            self._media, lambda actor: actor.survey.remote(_about(), uri), self._limits.survey()
        )

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What an earlier run published."""
        return await self._call(
            self._media,
            lambda actor: actor.find.remote(_about(), row_key, work_ids),
            self._limits.lookup(),
        )

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Detections that an earlier run has logged."""
        return await self._call(
            self._media,
            lambda actor: actor.logged.remote(_about(), row_key, detect_id),
            self._limits.lookup(),
        )

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of a segment, and seconds."""
        within_s, packed = self._limits.detect(source, task), self._packer.pack(source, task)
        return await self._call(
            self._detectors, lambda actor: actor.detect.remote(_about(), packed), within_s
        )

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """What is masked where."""
        return await self._call(
            self._media,
            lambda actor: actor.decide.remote(_about(), detections, policy, self.card, canvas),
            self._limits.decide(detections),
        )

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Any, float]:
        """A reference to the segment's rendered packets, and seconds."""
        packed = self._packer.pack(source, task)

        async def step(actor: Any) -> tuple[Any, float]:
            packets, seconds = actor.render.remote(_about(), packed, regions, wanted)
            return packets, await seconds

        return await self._call(self._media, step, self._limits.render(source, task))

    async def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Any, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """What the model sees in some frames of a rendered segment, and seconds."""
        packed = self._packer.pack(source, task)
        # In a list the reference travels as one: the actor fetches the packets itself.
        return await self._call(
            self._detectors,
            lambda actor: actor.audit.remote(_about(), packed, [rendered], frames),
            self._limits.audit(source, task, len(frames)),
        )

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """Assemble, verify and publish."""
        packed = pack_seen(seen)
        return await self._call(
            self._media,
            lambda actor: actor.finish.remote(_about(), packed, rendered, whole=whole),
            self._limits.finish(seen),
        )

    @property
    def max_videos(self) -> int:
        """How many videos may be in hand at once: enough that no actor waits for the driver."""
        return 2 * (self._detectors.n_calls + self._media.n_calls)

    async def _call(
        self, pool: ActorPool, step: Callable[[Any], Awaitable[_T]], within_s: float
    ) -> _T:
        """On the pool's next free actor; rows that were taken in hand first come first."""
        self.meters.sample()
        try:
            return await pool.call(step, within_s, TURN.get())
        finally:
            self.meters.sample()

    async def close(self) -> None:
        """Have the actors clean up after themselves, and end them."""
        for pool in {self._detectors, self._media}:
            await pool.dismiss(lambda actor: actor.close.remote(), _LEAVE_S)
        self.stop()

    def stop(self) -> None:
        """End the actors at once."""
        self._detectors.stop()
        self._media.stop()
        self.meters.sample(now=True)  # the last that is heard of this driver: nothing is under way


def _about() -> bytes:
    """What the call is about, for the log of the worker."""
    return pack_subject(SUBJECT.get())


def _packet_room_bytes(n_workers: int) -> int:
    """Of the object stores of all nodes, those among them that the workers are still waiting for.

    The rest of it is for models, for detections on their way, and for packets that are larger than
    was foreseen.
    """
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    n_cpus = max(1.0, resources.get("CPU", 1.0))
    grown = max(1.0, n_workers / n_cpus)
    return int(_PACKET_SHARE * resources.get("object_store_memory", 0.0) * grown)

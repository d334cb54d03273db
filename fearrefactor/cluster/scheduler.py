"""What runs where: the stages of videos on pools of actors.

On a CPU cluster one pool does everything, an actor a core. Where there are GPUs, actors that hold
one each detect, and CPU actors do the rest. Ray retries nothing: the driver does.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray

import fearrefactor
from fearrefactor.cluster.pool import ActorPool
from fearrefactor.cluster.time_limits import TimeLimits
from fearrefactor.cluster.workers import ModelShipment, Worker
from fearrefactor.errors import InputError, WorkerLostError
from fearrefactor.pipeline.shown import shown
from fearrefactor.pipeline.stages import TURN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import JobSettings, Logged, PinnedSource, Published, Seen, Survey
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings

_NO_RETRIES = {"max_restarts": 0, "max_task_retries": 0}
_GPU_SLOTS = 4
_KNOCK_S = 20.0
#: To end media children and remove files.
_LEAVE_S = 5.0
#: For what an actor knows without work.
_ANSWER_S = 300.0
_ASKED = 9
#: Of the memory for objects, as much may be taken by rendered packets.
_PACKET_SHARE = 0.5


@dataclass(frozen=True)
class ClusterSettings:
    """``address`` None starts a Ray of our own on this machine.

    ``workers`` and ``gpu_workers`` None take the cores and GPUs that the cluster has now; a cluster
    that grows on demand is told how far.
    ``is_job``: this process was started by ``ray job submit``, which has set the address and sent
    the code.
    """

    address: str | None = None
    workers: int | None = None
    gpu_workers: int | None = None
    is_job: bool = False


def connect(settings: ClusterSettings) -> None:
    """Join the cluster, or start one on this machine.

    Raises:
        InputError: there is no cluster at the address.
    """
    if settings.is_job:
        ray.init(log_to_driver=True)
    elif settings.address is not None:
        try:
            _knock(settings.address)
            ray.init(address=settings.address, runtime_env={"py_modules": [fearrefactor]})
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster at {settings.address}: {error}; "
                "start one with 'ray start --head' or leave --ray-address out"
            ) from error
    else:
        ray.init(
            address="local",  # else Ray joins whatever cluster was last seen on this machine
            num_cpus=settings.workers,
            include_dashboard=False,
            object_store_memory=512 << 20,  # compressed packets and results, never frames
            log_to_driver=True,
            configure_logging=True,
            logging_level=logging.WARNING,
        )


def _knock(address: str) -> None:
    """Ray itself takes minutes to find out that nobody is at an address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


def disconnect() -> None:
    """Leave the cluster, or end the one that was started here."""
    ray.shutdown()


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
        self._limits = TimeLimits(settings)
        self.packet_room_bytes: int | None = _packet_room_bytes(self._media.n_calls)

    async def survey(self, uri: str) -> Survey:
        """Pin, checksum and index a source."""
        return await self._media.call(
            lambda actor: actor.survey.remote(uri), self._limits.survey(), TURN.get()
        )

    async def find(self, row_key: str, work_id: str) -> Published | None:
        """What an earlier run published for the same work."""
        return await self._media.call(
            lambda actor: actor.find.remote(row_key, work_id), self._limits.lookup(), TURN.get()
        )

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Detections that an earlier run has logged."""
        return await self._media.call(
            lambda actor: actor.logged.remote(row_key, detect_id), self._limits.lookup(), TURN.get()
        )

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of a segment, and seconds."""
        within_s = self._limits.detect(source, task)
        return await self._detectors.call(
            lambda actor: actor.detect.remote(source, task), within_s, TURN.get()
        )

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Any, float]:
        """A reference to the segment's rendered packets, and seconds."""

        async def step(actor: Any) -> tuple[Any, float]:
            told = (source, task, regions, wanted)
            packets, seconds = actor.render.options(num_returns=2).remote(*told)
            return packets, await seconds

        return await self._media.call(step, self._limits.render(source, task), TURN.get())

    async def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Any, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """What the model sees in some frames of a rendered segment, and seconds."""
        # In a list the reference travels as one: the actor fetches the packets itself.
        return await self._detectors.call(
            lambda actor: actor.audit.remote(source, task, [rendered], frames),
            self._limits.audit(source, task, len(frames)),
            TURN.get(),
        )

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """Assemble, verify and publish."""
        return await self._media.call(
            lambda actor: actor.finish.remote(seen, rendered, whole=whole),
            self._limits.finish(seen),
            TURN.get(),
        )

    @property
    def max_videos(self) -> int:
        """How many videos may be in hand at once: enough that no actor waits for the driver."""
        return 2 * (self._detectors.n_calls + self._media.n_calls)

    async def close(self) -> None:
        """Have the actors clean up after themselves, and end them."""
        for pool in {self._detectors, self._media}:
            await pool.dismiss(lambda actor: actor.close.remote(), _LEAVE_S)
        self.stop()

    def stop(self) -> None:
        """End the actors at once."""
        self._detectors.stop()
        self._media.stop()


def _packet_room_bytes(n_workers: int) -> int:
    """Of the object stores of all nodes, those among them that the workers are still waiting for.

    The rest of it is for models, for detections on their way, and for packets that are larger than
    was foreseen.
    """
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    n_cpus = max(1.0, resources.get("CPU", 1.0))
    grown = max(1.0, n_workers / n_cpus)
    return int(_PACKET_SHARE * resources.get("object_store_memory", 0.0) * grown)


async def start_stages(
    settings: JobSettings,
    file: ModelFile,
    detect: DetectSettings,
    device: Device,
    cluster: ClusterSettings,
    *,
    canary: Path | None = None,
) -> RayStages:
    """Start the actors and wait for the first one that has loaded the model.

    ``canary``: a picture in which the model must see something, in place of the known ones.

    Raises:
        FearRefactorError: the model cannot be loaded on any worker, or is blind on all.
    """
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    n_gpus = cluster.gpu_workers or int(resources.get("GPU", 0))
    n_cpus = cluster.workers or max(1, int(resources.get("CPU", 1)))
    data = ray.put(file.path.read_bytes())
    if device == "cuda" and n_gpus == 0:
        raise InputError("device cuda: the cluster has no GPU now; say --gpu-workers N to wait")
    on_gpu = device != "cpu" and n_gpus > 0 and file.kind != "faces"
    pictures = shown(canary, detect.long_side)
    model = ModelShipment(file, detect, "cuda" if on_gpu else "cpu", data, pictures)
    if on_gpu:
        detectors = ActorPool(
            lambda: _actor(settings, model, _GPU_SLOTS, num_gpus=1), n_gpus, _GPU_SLOTS
        )
        media = ActorPool(lambda: _actor(settings, None, 1, num_cpus=1), n_cpus, 1)
        media.start()
    else:
        detectors = media = ActorPool(lambda: _actor(settings, model, 1, num_cpus=1), n_cpus, 1)
    detectors.start()
    card = await first_card(detectors)
    return RayStages(card, repr(detect), (detectors, media), settings)


async def first_card(pool: ActorPool) -> Any:
    """What the first actor that has loaded its model says of it.

    Raises:
        FearRefactorError: none can load it. WorkerLostError: ten were lost while they were asked.
    """
    for _ in range(_ASKED):
        with contextlib.suppress(WorkerLostError):
            return await pool.call(lambda actor: actor.card.remote(), _ANSWER_S)
    return await pool.call(lambda actor: actor.card.remote(), _ANSWER_S)


def start_media(
    settings: JobSettings, card: ModelCard, detect_settings: str, cluster: ClusterSettings
) -> RayStages:
    """Start actors that hold no model; ``card`` and ``detect_settings`` are of one that was."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    n_cpus = cluster.workers or max(1, int(resources.get("CPU", 1)))
    media = ActorPool(lambda: _actor(settings, None, 1, num_cpus=1), n_cpus, 1)
    media.start()
    return RayStages(card, detect_settings, (media, media), settings)


def _actor(
    settings: JobSettings,
    model: ModelShipment | None,
    slots: int,
    *,
    num_cpus: int = 0,
    num_gpus: int = 0,
) -> Any:
    wanted = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_concurrency": slots}
    return ray.remote(Worker).options(**wanted, **_NO_RETRIES).remote(settings, model, slots)

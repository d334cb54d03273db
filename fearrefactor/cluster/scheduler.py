"""What runs where: the cluster that is joined, and the pools of actors that are started on it.

On a CPU cluster one pool does everything, an actor a core. Where there are GPUs, actors that hold
one each detect, and CPU actors do the rest. Ray retries nothing: the driver does.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any

import ray

import fearrefactor
from fearrefactor.cluster.pool import ActorPool
from fearrefactor.cluster.ray_stages import RayStages
from fearrefactor.cluster.workers import ModelShipment, Worker
from fearrefactor.errors import InputError, WorkerLostError
from fearrefactor.pipeline.log_lines import is_json
from fearrefactor.pipeline.shown import shown

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.cluster.settings import ClusterSettings
    from fearrefactor.core.model import ModelCard
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings

_NO_RETRIES = {"max_restarts": 0, "max_task_retries": 0}
_KNOCK_S = 20.0
#: For what an actor knows without work.
_ANSWER_S = 300.0
_ASKED = 9


def connect(settings: ClusterSettings) -> None:
    """Join the cluster, or start one on this machine.

    Raises:
        InputError: there is no cluster at the address.
    """
    if is_json():
        _log_as_we_do()
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


def _log_as_we_do() -> None:
    """What Ray logs in this process goes through our handlers."""
    its_own = logging.getLogger("ray")
    its_own.handlers.clear()
    its_own.propagate = True


def _knock(address: str) -> None:
    """Ray itself takes minutes to find out that nobody is at an address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


def disconnect() -> None:
    """Leave the cluster, or end the one that was started here."""
    ray.shutdown()


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
    on_gpu = runs_on_gpu(file, device, n_gpus, decode=cluster.gpu.decode)
    pictures = shown(canary, detect.long_side)
    model = ModelShipment(
        file, detect, "cuda" if on_gpu else "cpu", data, pictures, settings.run_id
    )
    if on_gpu:
        gpu = cluster.gpu
        detectors = ActorPool(
            lambda: _actor(settings, model, gpu.slots, decode=gpu.decode, num_gpus=1),
            n_gpus,
            gpu.slots,
        )
        media = ActorPool(lambda: _actor(settings, None, 1, num_cpus=1), n_cpus, 1)
        media.start()
    else:
        detectors = media = ActorPool(lambda: _actor(settings, model, 1, num_cpus=1), n_cpus, 1)
    detectors.start()
    card = await first_card(detectors)
    return RayStages(card, settings.deciding(repr(detect)), (detectors, media), settings)


def runs_on_gpu(file: ModelFile, device: Device, n_gpus: int, *, decode: bool) -> bool:
    """Whether the model goes to workers with a GPU.

    Raises:
        InputError: it does not, and was asked to, or was asked to ``decode`` there.
    """
    if device == "cuda" and n_gpus == 0:
        raise InputError("device cuda: the cluster has no GPU now; say --gpu-workers N to wait")
    on_gpu = device != "cpu" and n_gpus > 0 and file.kind == "segmenter"
    if decode and not on_gpu:
        raise InputError("--gpu-decode: no worker here runs this model on a GPU; leave it out")
    return on_gpu


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
    decode: bool = False,
    num_cpus: int = 0,
    num_gpus: int = 0,
) -> Any:
    wanted = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_concurrency": slots}
    actor = ray.remote(Worker).options(**wanted, **_NO_RETRIES)
    return actor.remote(settings, model, slots, decode=decode)

"""A Ray on this machine for all tests that ask, and stages on it with a stub for a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ray
from stub_model import StubShipment

from fearrefactor.cluster.pool import ActorPool
from fearrefactor.cluster.ray_stages import RayStages
from fearrefactor.cluster.scheduler import _actor, first_card

if TYPE_CHECKING:
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.vision.segmenter import Segmenter


def start_ray(address: str | None = None, store_mib: int = 128) -> None:
    """Two cores here, or the Ray at an address. One that this process is joined to stays.

    Its workers find the modules of the tests.
    """
    if ray.is_initialized():
        return
    found = {"env_vars": {"PYTHONPATH": str(Path(__file__).resolve().parent)}}
    if address is not None:
        ray.init(address=address, log_to_driver=False, runtime_env=found)
        return
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=store_mib << 20,
        log_to_driver=False,
        runtime_env=found,
    )


async def stub_stages(settings: JobSettings, segmenter: Segmenter, n_workers: int) -> RayStages:
    """As ``start_stages`` makes them on a CPU cluster."""
    model = StubShipment(segmenter)
    pool = ActorPool(lambda: _actor(settings, model, 1, num_cpus=1), n_workers, 1)  # type: ignore[arg-type]
    pool.start()
    card = await first_card(pool)
    return RayStages(card, "stub", (pool, pool), settings)

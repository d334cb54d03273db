"""Who does the steps of a run's videos: this process, or actors of a cluster."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from fearrefactor.cli.run_settings import Detector
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.shown import shown
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.vision.canary import watch
from fearrefactor.vision.load import load_segmenter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.run_settings import RunSettings
    from fearrefactor.cluster.settings import ClusterSettings
    from fearrefactor.pipeline.stages import Stages


@contextlib.asynccontextmanager
async def started(settings: RunSettings, environment: Environment) -> AsyncIterator[Stages]:
    """The stages of a run, until its end.

    Raises:
        InputError: there is no cluster where one should be. ModelError: the model cannot be loaded.
    """
    cluster = settings.cluster
    here = _inline(settings, environment) if cluster is None else _on_actors(settings, cluster)
    async with here as found:
        yield found


@contextlib.asynccontextmanager
async def _inline(settings: RunSettings, environment: Environment) -> AsyncIterator[Stages]:
    seer = settings.detector
    segmenter = None
    if isinstance(seer, Detector):
        pictures = shown(seer.canary, seer.settings.long_side)
        loaded = load_segmenter(
            seer.file,
            seer.settings,
            device=seer.device,
            threads=environment.n_cores,
            cache=environment.cache,
        )
        segmenter = watch(loaded, seer.file.target, pictures)
        card, told = segmenter.card, settings.job.deciding(repr(seer.settings))
    else:
        card, told = seer.card, seer.detect_settings
    with (
        scratch_folder("inline") as folder,
        VideoWorker(settings.job, segmenter, folder) as worker,
    ):
        yield InlineStages(worker, card, told)


@contextlib.asynccontextmanager
async def _on_actors(settings: RunSettings, cluster: ClusterSettings) -> AsyncIterator[Stages]:
    from fearrefactor.cluster.nodes import watched_head
    from fearrefactor.cluster.scheduler import connect, disconnect, start_media, start_stages

    with _scratch_of_workers(cluster) as scratch:
        job = replace(settings.job, scratch=scratch, run_id=settings.run_id)
        connect(cluster)
        try:
            seer = settings.detector
            if isinstance(seer, Detector):
                actors = await start_stages(
                    job, seer.file, seer.settings, seer.device, cluster, canary=seer.canary
                )
            else:
                actors = start_media(job, seer.card, seer.detect_settings, cluster)
            async with watched_head():
                yield actors
            await actors.close()
        finally:
            disconnect()


def _scratch_of_workers(cluster: ClusterSettings) -> AbstractContextManager[Path | None]:
    """Workers of a cluster of our own leave nothing behind, even those that must be killed.

    Elsewhere they are on other machines, or outlive this process.
    """
    return scratch_folder("workers") if cluster.is_own else contextlib.nullcontext()

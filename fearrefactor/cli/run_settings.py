"""What a run was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.shard import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fearrefactor.cluster.settings import ClusterSettings
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.shard import Shard
    from fearrefactor.pipeline.job import JobSettings
    from fearrefactor.pipeline.stages import RunContext
    from fearrefactor.pipeline.video import VideoRun
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.load import Device
    from fearrefactor.vision.segmenter import DetectSettings


@dataclass(frozen=True)
class Detector:
    """The model that is to look at frames, and how.

    ``canary``: a picture in which it must see something, in place of the known ones.
    """

    file: ModelFile
    settings: DetectSettings
    device: Device
    canary: Path | None = None


@dataclass(frozen=True)
class PastDetector:
    """The model that looked at the frames of an earlier run, as far as it is known."""

    card: ModelCard
    detect_settings: str


@dataclass(frozen=True)
class RunSettings:
    """What was asked for. ``cluster`` None does everything in this process.

    ``videos`` and ``count`` are of the rows of ``shard``; to count them may take a while.
    ``policy`` is that of all rows that name no other one. With a ``PastDetector`` no model is
    loaded, and only what is logged is used.
    """

    run_id: str
    videos: Callable[[RunContext], Iterator[VideoRun | VideoReport]]
    count: Callable[[], int]
    policy: Policy
    detector: Detector | PastDetector
    job: JobSettings
    cluster: ClusterSettings | None
    shard: Shard = WHOLE

    @property
    def report_key(self) -> str:
        """Where ``videos.parquet`` of this run goes."""
        return f"{self.job.output_prefix}runs/{self.run_id}/videos.parquet"

"""What a run is told once, and what is passed between the steps of one video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fearrefactor.core.settings import CutSettings, Limits, RenderSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.report import Outcome
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.storage.objects import ObjectStat
    from fearrefactor.storage.s3 import S3Settings


@dataclass(frozen=True)
class JobSettings:
    """Everything of a run that does not differ from row to row.

    Results go under ``output_prefix`` in the store ``output_root``; ``batch`` is how many frames
    the model is given at once.
    """

    output_root: str
    output_prefix: str
    s3: S3Settings
    limits: Limits = field(default_factory=Limits)
    cut: CutSettings = field(default_factory=CutSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
    batch: int = 8


@dataclass(frozen=True)
class PinnedSource:
    """A source at one version: reads of any other version fail."""

    uri: str
    store_root: str
    stat: ObjectStat


@dataclass(frozen=True)
class Survey:
    """A source after its first look; ``seconds`` are wall seconds by stage."""

    source: PinnedSource
    sha256: str
    index: VideoIndex
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Seen:
    """All that was seen in a video, and under which names the result is to be published."""

    row_key: str
    video_id: str
    survey: Survey
    card: ModelCard
    detections: Detections
    outcome: Outcome
    n_masked_frames: int
    detect_id: str
    work_id: str


@dataclass(frozen=True)
class Published:
    """A result that is in the store, put there now or by an earlier run (``reused``)."""

    output_key: str
    output_sha256: str
    output_bytes: int
    detections_key: str
    detections_sha256: str
    outcome: Outcome
    n_frames: int
    n_masked_frames: int
    n_detections: int
    reused: bool
    seconds: Mapping[str, float]

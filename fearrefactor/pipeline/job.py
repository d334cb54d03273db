"""What a run is told once, and what is passed between the steps of one video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fearrefactor.core.settings import (
    ChildSettings,
    CutSettings,
    Limits,
    RenderSettings,
    VerifyMode,
)
from fearrefactor.pipeline.log_lines import LogSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.report import Outcome
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.storage.locations import Location
    from fearrefactor.storage.objects import ObjectStat
    from fearrefactor.storage.s3 import S3Settings


@dataclass(frozen=True)
class JobSettings:
    """Everything of a run that does not differ from row to row.

    Results go under ``output_prefix`` in the store ``output_root``; logged detections are looked
    for there, or under ``logs`` if an earlier run has written elsewhere. ``batch`` is how many
    frames the model is given at once. ``audit`` None looks at a sample of what was masked again,
    but does not start the model for that alone where logged detections are used. ``verify`` says
    how many copied frames of a result are decoded before it is published; it changes no result.
    With ``reuse_within`` above 0 frames that are nearly equal, by so many levels, to one that the
    model has looked at share its answer for a while (see ``LastLook``).
    ``run_id`` and ``log`` change no result: by them workers log and count.
    Sources are read only from ``sources_under``, or from anywhere if that is empty. Workers keep
    their temporary files under ``scratch``, or in the temporary directory if that is None.
    """

    output_root: str
    output_prefix: str
    s3: S3Settings
    limits: Limits = field(default_factory=Limits)
    cut: CutSettings = field(default_factory=CutSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
    child: ChildSettings = field(default_factory=ChildSettings)
    batch: int = 8
    logs: Location | None = None
    audit: AuditMode | None = None
    verify: VerifyMode = "sampled"
    sources_under: tuple[Location, ...] = ()
    reuse_within: float = 0.0
    scratch: Path | None = None
    run_id: str = ""
    log: LogSettings = field(default_factory=LogSettings)

    def deciding(self, detect_settings: str) -> str:
        """All that decides, beside a source and a model, what is found: a part of ``detect_id``.

        Answers are shared within a segment only, so that with ``reuse_within`` the cut counts too.
        """
        if not self.reuse_within:
            return detect_settings
        return f"{detect_settings} reuse_within={self.reuse_within} {self.cut!r}"


@dataclass(frozen=True)
class PinnedSource:
    """A source at one version: reads of any other version fail.

    ``sums``: ``block_sums`` of its first reading, against which every later one is held; None
    before that. They are 4 bytes for each MiB.
    """

    uri: str
    store_root: str
    stat: ObjectStat
    sums: bytes | None = None


@dataclass(frozen=True)
class Survey:
    """A source after its first look; ``seconds`` are wall seconds by stage.

    ``gaps`` says what the machine lacks to lock in the process that looked (see ``Confinement``).
    """

    source: PinnedSource
    sha256: str
    index: VideoIndex
    seconds: Mapping[str, float]
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """A log that is in the output, whole; its key is relative to the output's prefix."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Logged:
    """Detections that an earlier run has logged.

    ``pts``: ``(n_frames,)`` int64, the times of the frames that were inspected. ``kept`` is None if
    the log is not in the output of this run. ``is_published``: a result that was made from it is.
    """

    detections: Detections
    pts: NDArray[np.int64]
    kept: Kept | None
    is_published: bool = False


@dataclass(frozen=True)
class Seen:
    """All that was seen in a video, what is to be masked, and the names of the result.

    ``kept`` is the log that the detections were read from, if they were and it is in the output.
    With ``reasons`` a person is to look at the result first. ``keep_tags``: see ``Policy``.
    """

    row_key: str
    video_id: str
    survey: Survey
    card: ModelCard
    detect_settings: str
    detections: Detections
    kept: Kept | None
    plan: MaskPlan
    reasons: tuple[str, ...]
    detect_id: str
    work_id: str
    keep_tags: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What becomes of the video if all goes well."""
        if self.reasons:
            return "review"
        return "masked" if self.plan.n_masked_frames else "clean"


@dataclass(frozen=True)
class Published:
    """A result that is in the store, put there now or by an earlier run (``reused``).

    ``reason`` says why a person is to look at it, if the outcome is ``review``.
    """

    output_key: str
    output_sha256: str
    output_bytes: int
    detections_key: str
    detections_sha256: str
    plan_key: str
    plan_sha256: str
    outcome: Outcome
    reason: str | None
    n_frames: int
    n_masked_frames: int
    n_detections: int
    reused: bool
    seconds: Mapping[str, float]

    def reported(self) -> dict[str, Any]:
        """What a ``VideoReport`` says of a result."""
        fields = {name: value for name, value in vars(self).items() if name != "seconds"}
        return fields | {"code": "review" if self.outcome == "review" else None}

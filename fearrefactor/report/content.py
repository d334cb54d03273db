"""What the report page shows: plain values, which go into the page as JSON.

``collect`` makes them from a run's Parquet files, ``page`` puts them into one HTML file. All texts
are as they came (ids, titles and reasons may be hostile): the page shows them as text.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from fearrefactor.core.plan import Provenance  # noqa: TC001 - pydantic reads it at run time
from fearrefactor.core.report import Outcome  # noqa: TC001 - pydantic reads it at run time
from fearrefactor.core.thumbnail import Why  # noqa: TC001 - pydantic reads it at run time


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True)


class PolicyContent(_Content):
    """A policy in words, and how many videos it was applied to."""

    name: str
    digest: str
    words: tuple[str, ...]
    n_videos: int


class CodeContent(_Content):
    """Videos that failed with one code; for ``meaning`` and ``what_to_do`` see code_meanings."""

    code: str
    n_videos: int
    meaning: str
    what_to_do: str


class ClassContent(_Content):
    """What was masked of one class, over all videos with details."""

    name: str
    n_videos: int
    n_tracks: int
    masked_s: float


class RunContent(_Content):
    """The run as a whole.

    Times are ISO 8601 in UTC. ``seconds`` are worker seconds by stage, ``wall_s`` from beginning to
    end. ``n_listed`` of ``n_rows`` are in the table, ``n_detailed`` have details.
    """

    run_id: str
    uri: str
    began_at: str | None
    ended_at: str | None
    wall_s: float | None
    shard: str
    model: str
    model_sha256: str
    versions: dict[str, str]
    settings: dict[str, str]
    policies: tuple[PolicyContent, ...]
    outcomes: dict[str, int]
    codes: tuple[CodeContent, ...]
    classes: tuple[ClassContent, ...]
    seconds: dict[str, float]
    n_rows: int
    n_listed: int
    n_detailed: int
    n_frames: int
    n_masked_frames: int
    n_rendered_frames: int
    n_model_frames: int
    n_audited_frames: int
    n_leaks: int
    n_reused: int
    duration_s: float
    input_bytes: int
    output_bytes: int
    lost_processes: int


class TableContent(_Content):
    """The table of videos, column by column: all of the same length, in the manifest's order.

    ``policy`` counts ``RunContent.policies``, -1 where the row came to none.
    """

    row: tuple[int, ...]
    id: tuple[str, ...]
    uri: tuple[str, ...]
    outcome: tuple[Outcome, ...]
    code: tuple[str, ...]
    reason: tuple[str, ...]
    policy: tuple[int, ...]
    duration_s: tuple[float | None, ...]
    n_frames: tuple[int | None, ...]
    n_masked_frames: tuple[int | None, ...]
    n_leaks: tuple[int, ...]
    seconds: tuple[float, ...]


class SpanContent(_Content):
    """A part of a lane, in seconds from the video's first frame, half-open."""

    start_s: float
    end_s: float
    provenance: Provenance


class LaneContent(_Content):
    """A track, or a place that is always masked (``track`` -1). ``class_name`` "" if it has none.

    ``score`` is the highest one. Spans are in order and do not overlap.
    """

    track: int
    class_name: str
    effect: str
    score: float
    spans: tuple[SpanContent, ...]


class PictureContent(_Content):
    """A masked frame, and the unmasked one where that was asked for: JPEG as base64."""

    frame: int
    time_s: float
    why: Why
    width_px: int
    height_px: int
    jpeg: str
    source_jpeg: str | None = None


class FileContent(_Content):
    """A file of the video: ``source``, ``result``, ``detections`` or ``plan``.

    ``href`` is relative to the page, None where there is no way there from it.
    """

    kind: Literal["source", "result", "detections", "plan"]
    place: str
    href: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


class DetailContent(_Content):
    """All about one video, by ``row`` of the table.

    ``n_lanes`` counts all lanes, of which the longest are in ``lanes``. ``unsure`` are the
    stretches in which something is masked that was not seen with confidence, in seconds, longest
    first.
    ``pictures_left_out`` says why there are none although something is masked.
    """

    row: int
    duration_s: float
    lanes: tuple[LaneContent, ...] = ()
    n_lanes: int = 0
    unsure: tuple[tuple[float, float], ...] = ()
    pictures: tuple[PictureContent, ...] = ()
    pictures_left_out: str | None = None
    files: tuple[FileContent, ...] = ()
    audit: str = "none"
    n_audited_frames: int = 0
    n_leaks: int = 0
    n_detections: int | None = None
    n_rendered_frames: int | None = None
    reused: bool = False
    seconds: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    extra: dict[str, str] = {}
    output_sha256: str | None = None
    work_id: str | None = None


class ReportContent(_Content):
    """Everything on the page. ``has_source`` says that unmasked pictures are among it."""

    run: RunContent
    table: TableContent
    details: tuple[DetailContent, ...]
    has_source: bool = False

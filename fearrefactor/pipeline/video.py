"""One video from its row to its report, whoever does the steps.

The order of things, what is retried and what fails a video stand here and nowhere else; ``Stages``
says who does a step: this process (``pipeline/inline.py``) or actors of a cluster.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fearrefactor.core import identity
from fearrefactor.core.detections import join
from fearrefactor.core.decide import decide
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.errors import FearRefactorError, FidelityError, MediaError, WorkerLostError
from fearrefactor.pipeline.job import Seen
from fearrefactor.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan, Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.pipeline.job import JobSettings, PinnedSource, Published, Survey
    from fearrefactor.pipeline.progress import Progress

_MAX_DEATHS = 3
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Stages(Protocol):
    """Who does the steps of videos. Each may be called for several videos at once.

    What ``render`` answers is only ever handed on to ``finish`` of the same stages.
    """

    card: ModelCard
    detect_settings: str

    async def survey(self, uri: str) -> Survey:
        """Pin, checksum and index a source."""
        ...

    async def find(self, row_key: str, detect_id: str, work_id: str) -> Published | None:
        """What an earlier run published for the same work."""
        ...

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of a segment, and seconds."""
        ...

    async def render(
        self, source: PinnedSource, task: SegmentTask, regions: Mapping[int, Sequence[Region]]
    ) -> tuple[Any, float]:
        """A masked segment, encoded, and seconds."""
        ...

    async def finish(self, seen: Seen, rendered: Sequence[Any] | None) -> Published:
        """Assemble, verify and publish."""
        ...


@dataclass(frozen=True)
class RunContext:
    """What all rows of a run share; ``versions`` of what decides the result, by name."""

    settings: JobSettings
    stages: Stages
    progress: Progress
    versions: Mapping[str, str]


class VideoRun:
    """One row on its way through the stages."""

    def __init__(self, row: Row, policy: Policy, context: RunContext) -> None:
        self._row = row
        self._policy = policy
        self._settings = context.settings
        self._stages = stages = context.stages
        self._progress = context.progress
        self._watch = Stopwatch()
        self._deaths = 0
        self._report: dict[str, Any] = {
            "row": row.number,
            "id": row.id,
            "uri": row.uri,
            "extra": dict(row.extra),
            "model": stages.card.name,
            "model_sha256": stages.card.sha256,
            "policy": policy.name,
            "policy_digest": policy.digest(),
            "versions": dict(context.versions),
            "notes": [],
        }

    async def run(self) -> VideoReport:
        """The row's report; every way to fail ends in one too."""
        try:
            published = await self._run()
        except FearRefactorError as error:
            return self._failed(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: one row, with its reason
            _log.exception("video %s failed in a way that nobody foresaw", printable(self._row.id))
            return self._failed("internal", f"{type(error).__name__}: {error}")
        self._watch.add(published.seconds)
        return VideoReport(
            **self._report,
            outcome=published.outcome,
            reused=published.reused,
            output_key=published.output_key,
            output_sha256=published.output_sha256,
            output_bytes=published.output_bytes,
            detections_key=published.detections_key,
            detections_sha256=published.detections_sha256,
            n_masked_frames=published.n_masked_frames,
            n_detections=published.n_detections,
            seconds=self._watch.seconds(),
        )

    async def _run(self) -> Published:
        for name in self._policy.classes:
            self._stages.card.class_id(name)
        survey = await self._surviving(lambda: self._stages.survey(self._row.uri))
        index = survey.index
        self._watch.add(survey.seconds)
        detect = identity.detect_id(
            survey.sha256,
            self._stages.card.sha256,
            f"{self._stages.detect_settings} {self._stages.card.runtime}",
        )
        work = identity.work_id(
            detect, self._policy.digest(), self._settings.render.model_dump_json()
        )
        self._report |= {
            "input_sha256": survey.sha256,
            "input_bytes": index.info.size_bytes,
            "n_frames": index.n_frames,
            "duration_s": index.info.duration_s,
            "detect_id": detect,
            "work_id": work,
        }
        self._report["notes"] += index.info.unusual
        there = await self._surviving(lambda: self._stages.find(self._row.key, detect, work))
        if there is not None:
            return there
        detections = await self._detect(survey.source, index)
        with self._watch.stage("decide"):
            plan = decide(detections, self._policy, self._stages.card, index.canvas)
        seen = Seen(
            row_key=self._row.key,
            video_id=self._row.id,
            survey=survey,
            card=self._stages.card,
            detections=detections,
            outcome="masked" if plan.n_masked_frames else "clean",
            n_masked_frames=plan.n_masked_frames,
            detect_id=detect,
            work_id=work,
        )
        return await self._finish(seen, plan)

    async def _detect(self, source: PinnedSource, index: VideoIndex) -> Detections:
        self._progress.add_work(index.n_frames)

        async def one(task: SegmentTask) -> Detections:
            found, seconds = await self._surviving(lambda: self._stages.detect(source, task))
            self._watch.add({"detect": seconds})
            self._progress.did_frames(task.segment.n_frames)
            return found

        parts = await _all(one(task) for task in index.tasks())
        try:
            return join(parts, index.n_frames)
        except ValueError as error:
            raise MediaError(f"not every frame was inspected: {error}") from error

    async def _finish(self, seen: Seen, plan: MaskPlan) -> Published:
        """Copy what is clean, render what is not; what cannot be copied faithfully is rendered."""
        info = seen.survey.index.info
        # Frames that are never shown were never inspected: they may not be copied either. An
        # image is written anew because its metadata names places and devices.
        if not plan.n_masked_frames and not info.is_image and not info.n_hidden_frames:
            try:
                return await self._surviving(lambda: self._stages.finish(seen, None))
            except FidelityError as error:
                self._report["notes"].append(f"rendered whole: the copy was not faithful: {error}")
        rendered = await self._render(seen, plan)
        return await self._surviving(lambda: self._stages.finish(seen, rendered))

    async def _render(self, seen: Seen, plan: MaskPlan) -> list[Any]:
        source, index = seen.survey.source, seen.survey.index
        self._progress.add_work(index.n_frames)

        async def one(task: SegmentTask) -> object:
            regions = plan.between(task.segment.first_frame, task.segment.end_frame)
            packets, seconds = await self._surviving(
                lambda: self._stages.render(source, task, regions)
            )
            self._watch.add({"render": seconds})
            self._progress.did_frames(task.segment.n_frames)
            return packets

        return await _all(one(task) for task in index.tasks())

    async def _surviving(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Do a step again when the process that did it died; after three deaths it is the video."""
        while True:
            try:
                return await step()
            except WorkerLostError as error:
                self._deaths += 1
                _log.warning("video %s: %s", printable(self._row.id), printable(str(error)))
                if self._deaths >= _MAX_DEATHS:
                    raise WorkerLostError(
                        f"{self._deaths} processes that handled it died; the last: {error}"
                    ) from error

    def _failed(self, code: str, reason: str) -> VideoReport:
        return VideoReport(
            **self._report,
            outcome="failed",
            code=code,
            reason=printable(reason),
            seconds=self._watch.seconds(),
        )


async def _all(steps: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Results of all steps in order; when one fails the others are dropped at once."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()

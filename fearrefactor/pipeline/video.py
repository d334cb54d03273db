"""One video from its row to its report, whoever does the steps.

The order of things, what is retried and what fails a video stand here and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.core import identity
from fearrefactor.core.detections import join
from fearrefactor.core.leaks import modes_as_close
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.core.revise import joined
from fearrefactor.errors import FearRefactorError, MediaError, SourceChangedError
from fearrefactor.pipeline.deciding import decided
from fearrefactor.pipeline.job import Seen
from fearrefactor.pipeline.log_lines import SUBJECT, Subject, about_segment
from fearrefactor.pipeline.rendering import Rendering
from fearrefactor.pipeline.retries import Retries, all_of
from fearrefactor.pipeline.stages import TURN
from fearrefactor.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import Logged, PinnedSource, Published, Survey
    from fearrefactor.pipeline.logs import EarlierPlan
    from fearrefactor.pipeline.stages import RunContext

_log = logging.getLogger(__name__)


class VideoRun:
    """One row on its way through the stages.

    With ``earlier``, the plan of another result of the same content, all that is masked there is
    masked here too.
    """

    def __init__(
        self, row: Row, policy: Policy, context: RunContext, earlier: EarlierPlan | None = None
    ) -> None:
        self._row = row
        self._policy = policy
        self._earlier = earlier
        self._context = context
        self._settings = context.settings
        self._stages = stages = context.stages
        self._progress = context.progress
        self._digest = policy.digest()
        self._meters = context.meters
        self._watch = Stopwatch(context.meters.took)
        self._retries = Retries(row, context.journal, context.meters)
        context.journal.ruled(self._digest, policy)
        self._report: dict[str, Any] = {
            "row": row.number,
            "id": row.id,
            "uri": row.uri,
            "extra": dict(row.extra),
            "model": stages.card.name,
            "model_sha256": stages.card.sha256,
            "policy": policy.name,
            "policy_digest": self._digest,
            "versions": dict(context.versions),
            "notes": [],
            "detections_reused": False,
            "n_model_frames": 0,
            "audit": "none",
            "n_audited_frames": 0,
            "n_leaks": 0,
        }

    async def run(self) -> VideoReport:
        """The row's report; every way to fail ends in one too."""
        TURN.set(self._row.number)
        SUBJECT.set(Subject(self._row.number, self._row.id))
        self._meters.in_hand(+1)
        try:
            published = await self._run()
        except FearRefactorError as error:
            return self._failed(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: one row, with its reason
            _log.exception("video %s failed in a way that nobody foresaw", printable(self._row.id))
            return self._failed("internal", f"{type(error).__name__}: {error}")
        finally:
            self._meters.in_hand(-1)
        self._watch.add(published.seconds)
        told = self._report | published.reported()
        return VideoReport(**told, seconds=self._watch.seconds())

    async def _run(self) -> Published:
        for name in self._policy.classes:
            self._stages.card.class_id(name)
        survey = await self._retries.surviving(lambda: self._stages.survey(self._row.uri))
        index = survey.index
        self._watch.add(survey.seconds)
        if self._row.sha256 not in {None, survey.sha256}:
            raise SourceChangedError(
                f"expected content with the sha256 {self._row.sha256}, got {survey.sha256}: "
                "it is no longer what an earlier run saw; mask it anew"
            )
        detect = identity.detect_id(
            survey.sha256,
            self._stages.card.sha256,
            f"{self._stages.detect_settings} {self._stages.card.runtime}",
        )
        self._report |= {
            "input_sha256": survey.sha256,
            "input_bytes": index.info.size_bytes,
            "n_frames": index.n_frames,
            "duration_s": index.info.duration_s,
            "detect_id": detect,
        }
        self._report["notes"] += index.info.unusual
        self._report["notes"] += [
            f"its media process was not locked in: {gap}" for gap in survey.gaps
        ]
        there = await self._find(detect)
        if there is not None:
            return there
        wanted = self._work_id(detect, self._settings.audit or "sampled")
        claimed = self._context.claims.held(
            (self._row.key, wanted), self._row.number, lambda: self._find(detect)
        )
        async with claimed as there:
            return there or await self._make(survey, detect)

    async def _make(self, survey: Survey, detect: str) -> Published:
        """What nobody has done yet."""
        index = survey.index
        logged = await self._logged(detect, index)
        # What a driver that died has logged, but made nothing of, was never audited either.
        is_known = logged is not None and logged.is_published
        work = self._audited(detect, self._settings.audit or ("none" if is_known else "sampled"))
        self._context.journal.named(self._row.number, self._row.key, work)
        detections = logged.detections if logged else await self._detect(survey.source, index)
        done = await self._decide(detections, index.canvas)
        seen = Seen(
            row_key=self._row.key,
            video_id=self._row.id,
            survey=survey,
            card=self._stages.card,
            detect_settings=self._stages.detect_settings,
            detections=detections,
            kept=logged.kept if logged else None,
            plan=await self._with_earlier(done.plan),
            reasons=done.reasons,
            detect_id=detect,
            work_id=work,
            keep_tags=self._policy.keep_tags,
        )
        rendering = Rendering(
            self._policy,
            self._context,
            retries=self._retries,
            watch=self._watch,
            report=self._report,
        )
        return await rendering.finish(seen)

    async def _find(self, detect: str) -> Published | None:
        """A result that was audited as closely as this run wants it, or more so."""
        modes = modes_as_close(self._settings.audit)
        works = {self._work_id(detect, mode): mode for mode in modes}
        found = await self._retries.surviving(
            lambda: self._stages.find(self._row.key, tuple(works))
        )
        if found is None:
            return None
        work, there = found
        self._report |= {"work_id": work, "audit": works[work]}
        return there

    def _audited(self, detect: str, mode: AuditMode) -> str:
        """The id of this work if it is audited so, which the report is told."""
        work = self._work_id(detect, mode)
        self._report |= {"work_id": work, "audit": mode}
        return work

    def _work_id(self, detect: str, mode: AuditMode) -> str:
        settings = f"{self._settings.render.model_dump_json()} audit {mode}"
        if self._earlier is not None:
            settings += f" and all of plan {self._earlier.kept.sha256}"
        return identity.work_id(detect, self._digest, settings)

    async def _logged(self, detect_id: str, index: VideoIndex) -> Logged | None:
        """What an earlier run saw in the very same frames."""
        found = await self._retries.surviving(lambda: self._stages.logged(self._row.key, detect_id))
        if found is None or not np.array_equal(found.pts, index.pts):
            return None
        self._report["detections_reused"] = True
        return found

    async def _detect(self, source: PinnedSource, index: VideoIndex) -> Detections:
        self._progress.add_work(index.n_frames)
        if unproven := self._stages.card.unproven:
            self._report["notes"].append(f"nothing proves that the model saw: {unproven}")

        async def one(task: SegmentTask) -> Detections:
            about_segment(task.segment.index)
            found, seconds = await self._retries.surviving(
                lambda: self._stages.detect(source, task)
            )
            self._watch.add({"detect": seconds})
            self._report["n_model_frames"] += len(found.frames) - found.n_reused
            self._progress.did_frames(task.segment.n_frames)
            self._meters.did_frames("detect", task.segment.n_frames)
            _log.debug("looked at %d frames in %.3f s", task.segment.n_frames, seconds)
            return found

        parts = await all_of(one(task) for task in index.tasks())
        try:
            return join(parts, index.n_frames)
        except ValueError as error:
            raise MediaError(f"not every frame was inspected: {error}") from error

    async def _decide(self, detections: Detections, canvas: Canvas) -> Decided:
        if len(detections):
            done = await self._retries.surviving(
                lambda: self._stages.decide(detections, self._policy, canvas)
            )
        else:  # next to nothing is to be done: no worker is asked
            done = decided(detections, self._policy, self._stages.card, canvas)
        self._watch.add({"decide": done.seconds})
        return done

    async def _with_earlier(self, plan: MaskPlan) -> MaskPlan:
        if self._earlier is None:
            return plan
        earlier = self._earlier
        return await asyncio.to_thread(lambda: joined(plan, earlier.read()))

    def _failed(self, code: str, reason: str) -> VideoReport:
        return VideoReport(
            **self._report,
            outcome="failed",
            code=code,
            reason=printable(reason),
            seconds=self._watch.seconds(),
        )

"""One video from its row to its report, whoever does the steps.

The order of things, what is retried and what fails a video stand here and nowhere else.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.core import identity
from fearrefactor.core.decide import decide
from fearrefactor.core.detections import concatenate, join
from fearrefactor.core.leaks import modes_as_close
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.core.verdict import review_reasons
from fearrefactor.errors import (
    FearRefactorError,
    FidelityError,
    LeakError,
    MediaError,
    SourceChangedError,
)
from fearrefactor.pipeline.audit import render_without_leaks
from fearrefactor.pipeline.job import Seen
from fearrefactor.pipeline.retries import Retries, all_of
from fearrefactor.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.pipeline.job import Logged, PinnedSource, Published
    from fearrefactor.pipeline.stages import RunContext

_log = logging.getLogger(__name__)


class VideoRun:
    """One row on its way through the stages."""

    def __init__(self, row: Row, policy: Policy, context: RunContext) -> None:
        self._row = row
        self._policy = policy
        self._settings = context.settings
        self._stages = stages = context.stages
        self._progress = context.progress
        self._watch = Stopwatch()
        self._retries = Retries(row.id)
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
            "detections_reused": False,
            "n_model_frames": 0,
            "audit": "none",
            "n_audited_frames": 0,
            "n_leaks": 0,
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
            code="review" if published.outcome == "review" else None,
            reason=published.reason,
            reused=published.reused,
            output_key=published.output_key,
            output_sha256=published.output_sha256,
            output_bytes=published.output_bytes,
            detections_key=published.detections_key,
            detections_sha256=published.detections_sha256,
            plan_key=published.plan_key,
            plan_sha256=published.plan_sha256,
            n_masked_frames=published.n_masked_frames,
            n_detections=published.n_detections,
            seconds=self._watch.seconds(),
        )

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
        there = await self._find(detect)
        if there is not None:
            return there
        logged = await self._logged(detect, index)
        work = self._audited(detect, self._settings.audit or ("none" if logged else "sampled"))
        detections = logged.detections if logged else await self._detect(survey.source, index)
        with self._watch.stage("decide"):
            plan = decide(detections, self._policy, self._stages.card, index.canvas)
            reasons = review_reasons(plan, self._policy, index.canvas)
        seen = Seen(
            row_key=self._row.key,
            video_id=self._row.id,
            survey=survey,
            card=self._stages.card,
            detect_settings=self._stages.detect_settings,
            detections=detections,
            kept=logged.kept if logged else None,
            plan=plan,
            reasons=reasons,
            detect_id=detect,
            work_id=work,
            keep_tags=self._policy.keep_tags,
        )
        return await self._finish(seen)

    async def _find(self, detect: str) -> Published | None:
        """A result that was audited as closely as this run wants it, or more so."""
        for mode in modes_as_close(self._settings.audit):
            work = self._audited(detect, mode)
            there = await self._retries.surviving(
                lambda work=work: self._stages.find(self._row.key, work)  # type: ignore[misc]
            )
            if there is not None:
                return there
        return None

    def _audited(self, detect: str, mode: AuditMode) -> str:
        """The id of this work if it is audited so, which the report is told."""
        settings = f"{self._settings.render.model_dump_json()} audit {mode}"
        work = identity.work_id(detect, self._policy.digest(), settings)
        self._report |= {"work_id": work, "audit": mode}
        return work

    async def _logged(self, detect_id: str, index: VideoIndex) -> Logged | None:
        """What an earlier run saw in the very same frames."""
        found = await self._retries.surviving(lambda: self._stages.logged(self._row.key, detect_id))
        if found is None or not np.array_equal(found.pts, index.pts):
            return None
        self._report["detections_reused"] = True
        return found

    async def _detect(self, source: PinnedSource, index: VideoIndex) -> Detections:
        self._progress.add_work(index.n_frames)

        async def one(task: SegmentTask) -> Detections:
            found, seconds = await self._retries.surviving(
                lambda: self._stages.detect(source, task)
            )
            self._watch.add({"detect": seconds})
            self._report["n_model_frames"] += len(found.frames)
            self._progress.did_frames(task.segment.n_frames)
            return found

        parts = await all_of(one(task) for task in index.tasks())
        try:
            return join(parts, index.n_frames)
        except ValueError as error:
            raise MediaError(f"not every frame was inspected: {error}") from error

    async def _finish(self, seen: Seen) -> Published:
        """Copy what is clean and render what is not; what cannot be spliced is rendered whole."""
        try:
            return await self._render_and_finish(seen, whole=False)
        except FidelityError as error:
            if seen.survey.index.to_render(seen.plan.regions).all():
                raise
            self._report["notes"].append(f"rendered whole: the splice was not faithful: {error}")
        return await self._render_and_finish(seen, whole=True)

    async def _render_and_finish(self, seen: Seen, *, whole: bool) -> Published:
        index = seen.survey.index
        mode = self._report["audit"]
        masked = await render_without_leaks(
            seen,
            self._policy,
            mode,
            lambda *what: self._render(seen.survey.source, *what, index=index, whole=whole),
            whole=whole,
        )
        rendered = index.to_render(masked.plan.regions, whole=whole)
        self._report |= {
            "n_leaks": masked.n_leaks,
            "n_rendered_frames": int(index.gops.n_frames[rendered].sum()),
        }
        told = sorted(masked.notes.items())
        self._report["notes"] += [f"{what}; frames: {n}" for what, n in told]
        if rendered.any() and index.info.whole_because and not index.info.is_image:
            self._report["notes"].append(f"rendered whole: {index.info.whole_because}")
        lost = [*index.info.left_behind, *(["Dolby Vision"] if index.info.dolby_vision else [])]
        if rendered.any() and lost:
            self._report["notes"].append(f"not in rendered frames: {', '.join(lost)}")
        if masked.still_found is not None and self._policy.on_leak == "fail":
            raise LeakError(masked.still_found)
        if masked.n_leaks:
            reasons = review_reasons(masked.plan, self._policy, index.canvas)
            if masked.still_found is not None:
                reasons = (*reasons, masked.still_found)
            seen = replace(seen, plan=masked.plan, reasons=reasons)
        packets = [segment for segment in masked.rendered if segment is not None]
        return await self._retries.surviving(
            lambda: self._stages.finish(seen, packets, whole=whole)
        )

    async def _render(
        self,
        source: PinnedSource,
        tasks: Sequence[SegmentTask],
        plan: MaskPlan,
        audited: Sequence[int],
        *,
        index: VideoIndex,
        whole: bool,
    ) -> list[tuple[Any, Detections]]:
        """Segments after a plan, and what the model sees in the ``audited`` of their frames."""
        rendered = index.to_render(plan.regions, whole=whole)

        async def one(task: SegmentTask) -> tuple[Any, Detections]:
            segment, wanted = task.segment, rendered[task.segment.gops]
            regions = plan.between(segment.first_frame, segment.end_frame)
            packets, seconds = await self._retries.surviving(
                lambda: self._stages.render(source, task, regions, wanted)
            )
            self._watch.add({"render": seconds})
            self._progress.did_frames(int(task.gops.n_frames[wanted].sum()))
            frames = [i for i in audited if segment.first_frame <= i < segment.end_frame]
            return packets, await self._audit(source, task, packets, frames)

        n_frames = sum(int(task.gops.n_frames[rendered[task.segment.gops]].sum()) for task in tasks)
        self._progress.add_work(n_frames)
        return await all_of(one(task) for task in tasks)

    async def _audit(
        self, source: PinnedSource, task: SegmentTask, packets: object, frames: list[int]
    ) -> Detections:
        if not frames:
            return concatenate([])
        self._progress.add_work(len(frames))
        found, seconds = await self._retries.surviving(
            lambda: self._stages.audit(source, task, packets, frames)
        )
        if found.frames.tolist() != frames:
            raise MediaError(
                f"expected {len(frames)} frames of segment {task.segment.index} to be audited, "
                f"got {len(found.frames)}"
            )
        self._watch.add({"audit": seconds})
        self._report["n_model_frames"] += len(frames)
        self._report["n_audited_frames"] += len(frames)
        self._progress.did_frames(len(frames))
        return found

    def _failed(self, code: str, reason: str) -> VideoReport:
        return VideoReport(
            **self._report,
            outcome="failed",
            code=code,
            reason=printable(reason),
            seconds=self._watch.seconds(),
        )

"""The second half of a video's way: rendered as planned, looked at again, put together, published.

What cannot be spliced is rendered whole; what the audit still recognises is hidden better or fails.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fearrefactor.core.detections import concatenate
from fearrefactor.core.verdict import review_reasons
from fearrefactor.errors import FidelityError, LeakError, MediaError, PacketsLostError
from fearrefactor.pipeline.admission import rendered_bytes
from fearrefactor.pipeline.audit import render_without_leaks
from fearrefactor.pipeline.log_lines import about_segment
from fearrefactor.pipeline.retries import all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.pipeline.audit import Masked
    from fearrefactor.pipeline.job import PinnedSource, Published, Seen
    from fearrefactor.pipeline.retries import Retries
    from fearrefactor.pipeline.stages import RunContext
    from fearrefactor.pipeline.stopwatch import Stopwatch

_log = logging.getLogger(__name__)


class Rendering:
    """What was seen in one video, made into a published result.

    ``report`` are the fields of the video's report so far: counts and notes are added to it.
    """

    def __init__(
        self,
        policy: Policy,
        context: RunContext,
        *,
        retries: Retries,
        watch: Stopwatch,
        report: dict[str, Any],
    ) -> None:
        self._policy = policy
        self._stages = context.stages
        self._admission = context.admission
        self._progress = context.progress
        self._meters = context.meters
        self._retries = retries
        self._watch = watch
        self._report = report

    async def finish(self, seen: Seen) -> Published:
        """Copy what is clean and render what is not; what cannot be spliced is rendered whole.

        Raises:
            FidelityError: also the result that was rendered whole is not what it should be.
            LeakError: what is to be hidden is still recognised, and the policy says ``fail``.
        """
        try:
            return await self._once_admitted(seen, whole=False)
        except FidelityError as error:
            if seen.survey.index.to_render(seen.plan.regions).all():
                raise
            self._report["notes"].append(f"rendered whole: the splice was not faithful: {error}")
        return await self._once_admitted(seen, whole=True)

    async def _once_admitted(self, seen: Seen, *, whole: bool) -> Published:
        """As soon as there is room for what will be rendered."""
        index = seen.survey.index
        n_bytes = rendered_bytes(index, index.to_render(seen.plan.regions, whole=whole))
        async with self._admission.admitted(n_bytes):
            return await self._render_and_finish(seen, whole=whole)

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
        return await self._put_together(seen, masked, whole=whole)

    async def _put_together(self, seen: Seen, masked: Masked, *, whole: bool) -> Published:
        """Segments whose packets went with a machine meanwhile are rendered again."""
        index = seen.survey.index
        there = [
            (task, packets)
            for task, packets in zip(index.tasks(), masked.rendered, strict=True)
            if packets is not None
        ]
        rendered = [packets for _, packets in there]
        while True:
            try:
                return await self._retries.surviving(
                    lambda: self._stages.finish(seen, rendered, whole=whole)
                )
            except PacketsLostError as error:
                self._retries.survive(error)
                lost = [there[number][0] for number in error.numbers]
                source, plan = seen.survey.source, masked.plan
                again = await self._render(source, lost, plan, [], index=index, whole=whole)
                for number, (packets, _) in zip(error.numbers, again, strict=True):
                    rendered[number] = packets

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
            about_segment(task.segment.index)
            segment, wanted = task.segment, rendered[task.segment.gops]
            regions = plan.between(segment.first_frame, segment.end_frame)
            packets, seconds = await self._retries.surviving(
                lambda: self._stages.render(source, task, regions, wanted)
            )
            self._watch.add({"render": seconds})
            n_rendered = int(task.gops.n_frames[wanted].sum())
            self._progress.did_frames(n_rendered)
            self._meters.did_frames("render", n_rendered)
            _log.debug("rendered %d frames in %.3f s", n_rendered, seconds)
            frames = [i for i in audited if segment.first_frame <= i < segment.end_frame]
            self._progress.add_work(len(frames))
            try:
                return packets, await self._audit(source, task, packets, frames)
            except PacketsLostError as error:
                self._retries.survive(error)
            self._progress.add_work(n_rendered - len(frames))
            return await one(task)

        n_frames = sum(int(task.gops.n_frames[rendered[task.segment.gops]].sum()) for task in tasks)
        self._progress.add_work(n_frames)
        return await all_of(one(task) for task in tasks)

    async def _audit(
        self, source: PinnedSource, task: SegmentTask, packets: object, frames: list[int]
    ) -> Detections:
        if not frames:
            return concatenate([])
        found, seconds = await self._retries.surviving(
            lambda: self._stages.audit(source, task, packets, frames)
        )
        if found.frames.tolist() != frames:
            raise MediaError(
                f"expected {len(frames)} frames of segment {task.segment.index} to be audited, "
                f"got {len(found.frames)}"
            )
        self._watch.add({"audit": seconds})
        self._report["n_model_frames"] += len(frames) - found.n_reused
        self._report["n_audited_frames"] += len(frames)
        self._progress.did_frames(len(frames))
        self._meters.did_frames("audit", len(frames))
        _log.debug("looked at %d masked frames again in %.3f s", len(frames), seconds)
        return found

"""Looking at what was masked once more: rendered frames through the model, leaks closed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.core.detections import concatenate
from fearrefactor.core.harden import changed_frames, harden
from fearrefactor.core.leaks import find_leaks, frames_to_audit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.leaks import AuditMode, Leak
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.child import MediaChild
    from fearrefactor.pipeline.detect import FrameBatch
    from fearrefactor.pipeline.job import Seen

    #: Renders segments after a plan and looks at some of their frames again: for each segment its
    #: packets and what was seen.
    Render = Callable[
        [Sequence[SegmentTask], MaskPlan, Sequence[int]], Awaitable[list[tuple[Any, Detections]]]
    ]


@dataclass(frozen=True)
class RenderedFrames:
    """A ``FrameSource`` of some frames of a rendered segment; ``packets`` is a file of it."""

    child: MediaChild
    packets: Path
    wanted: Sequence[int]
    settings: RenderSettings

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """The frames that are wanted, shrunk as the model saw them at first."""
        return self.child.rendered_frames(
            task,
            self.packets,
            wanted=np.array(self.wanted, np.int64),
            settings=self.settings,
            box=box,
            batch=batch,
        )


@dataclass(frozen=True)
class Masked:
    """A video that was rendered and audited: the plan that it was rendered after, and its packets.

    ``n_leaks`` were found at first, ``notes`` say what was done about them, and ``still_found``
    what was found even then.
    """

    plan: MaskPlan
    rendered: list[Any]
    n_leaks: int = 0
    still_found: str | None = None
    notes: tuple[str, ...] = ()


async def render_without_leaks(
    seen: Seen, policy: Policy, mode: AuditMode, render: Render
) -> Masked:
    """Render a video; what the audit still finds is hidden better, once, and looked at again."""
    tasks = seen.survey.index.tasks()
    canvas = seen.survey.index.canvas
    done = await render(tasks, seen.plan, frames_to_audit(seen.plan, mode))
    rendered = [packets for packets, _ in done]
    seen_again = concatenate([found for _, found in done])
    leaks = find_leaks(seen.plan, seen_again, policy, seen.card, canvas)
    if not leaks:
        return Masked(seen.plan, rendered)
    plan = harden(
        seen.plan,
        leaks,
        seen_again=seen_again,
        seen_first=seen.detections,
        policy=policy,
        card=seen.card,
        canvas=canvas,
    )
    changed = _holding(tasks, changed_frames(seen.plan, plan))
    frames = {*frames_to_audit(plan, mode), *(leak.frame for leak in leaks)}
    done = await render(changed, plan, sorted(frames))
    for task, (packets, _) in zip(changed, done, strict=True):
        rendered[task.segment.index] = packets
    seen_again = concatenate([found for _, found in done])
    left = find_leaks(plan, seen_again, policy, seen.card, canvas)
    told = _told(left, seen, plan) if left else None
    return Masked(plan, rendered, len(leaks), told, _notes(leaks, seen.card))


def _holding(tasks: Sequence[SegmentTask], frames: Sequence[int]) -> list[SegmentTask]:
    """The segments that hold any of the frames."""
    ends = [task.segment.end_frame for task in tasks]
    return [tasks[i] for i in sorted(set(np.searchsorted(ends, frames, side="right").tolist()))]


def _told(left: Sequence[Leak], seen: Seen, plan: MaskPlan) -> str:
    """What is still found, by its worst case."""
    worst = max(left, key=lambda leak: leak.score)
    n_frames = len({leak.frame for leak in left})
    where = "through its mask" if worst.is_through else "where nothing is masked"
    return (
        f"a {seen.card.classes[worst.class_id]} is still recognised {where}, with a score of "
        f"{worst.score:.2f} in frame {worst.frame} "
        f"({seen.survey.index.canvas.times_s[worst.frame]:.2f} s), after the mask was made "
        f"stronger; in {n_frames} of {plan.n_masked_frames} masked frames something is; "
        "use an effect that hides more, or 'on_leak: review'"
    )


def _notes(leaks: Sequence[Leak], card: ModelCard) -> tuple[str, ...]:
    """A line for each track that was filled, and one for each class that was missed."""
    through = Counter((leak.track, leak.class_id) for leak in leaks if leak.is_through)
    missed = Counter(leak.class_id for leak in leaks if not leak.is_through)
    return (
        *(
            f"audit: track {track} was recognised as a {card.classes[class_id]} through its mask "
            f"in {n} frames; its box is filled"
            for (track, class_id), n in sorted(through.items())
        ),
        *(
            f"audit: a {card.classes[class_id]} was found where nothing was masked, {n} times; "
            "it is masked now"
            for class_id, n in sorted(missed.items())
        ),
    )

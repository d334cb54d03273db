"""Looking at what was masked once more: rendered frames through the model, leaks closed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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


_MOST_ROUNDS = 6


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


@dataclass
class Masked:
    """A video that was rendered and audited: the plan that it was rendered after, and its packets.

    ``rendered`` has an entry a segment, None where nothing had to be rendered. ``n_leaks`` were
    found in all, ``notes`` say what was done about them, and ``still_found`` what was found even
    then.
    """

    plan: MaskPlan
    rendered: list[Any]
    n_leaks: int = 0
    still_found: str | None = None
    notes: Counter[str] = field(default_factory=Counter)


async def render_without_leaks(
    seen: Seen, policy: Policy, mode: AuditMode, render: Render, *, whole: bool
) -> Masked:
    """Render a video, all of it if ``whole``; what the audit still finds is hidden better once.

    A mask through which a thing is found is made wider and stronger, then its box is filled; what
    is found even through that stays found. What is found anew, in a picture that has changed, gets
    its own repair, for a few rounds.
    """
    index, canvas = seen.survey.index, seen.survey.index.canvas
    tasks = index.tasks()
    masked = Masked(seen.plan, [None] * len(tasks))
    repairs = _Repairs(seen, policy)
    rendered = index.to_render(seen.plan.regions, whole=whole)
    wanted = [task for task in tasks if rendered[task.segment.gops].any()]
    frames = set(frames_to_audit(seen.plan, mode))
    while True:
        done = await render(wanted, masked.plan, sorted(frames))
        for task, (packets, _) in zip(wanted, done, strict=True):
            masked.rendered[task.segment.index] = packets
        seen_again = concatenate([found for _, found in done])
        leaks = find_leaks(masked.plan, seen_again, policy, seen.card, canvas)
        if not leaks:
            return masked
        masked.n_leaks += len(leaks)
        plan, left = repairs.close(masked.plan, leaks, seen_again)
        if left:
            masked.still_found = _told(left, seen, masked.plan)
            return masked
        masked.notes += _what_is_done(leaks, seen.card)
        wanted = _holding(tasks, changed_frames(masked.plan, plan))
        frames = {*frames_to_audit(plan, mode), *(leak.frame for leak in leaks)}
        masked.plan = plan


class _Repairs:
    """What has been tried against the leaks of one video."""

    def __init__(self, seen: Seen, policy: Policy) -> None:
        self._seen = seen
        self._policy = policy
        self._n_rounds = 0
        self._hardened: set[int] = set()
        self._filled: set[int] = set()

    def close(
        self, plan: MaskPlan, leaks: Sequence[Leak], seen_again: Detections
    ) -> tuple[MaskPlan, list[Leak]]:
        """A plan without the leaks, and those against which nothing is left to be tried."""
        if self._n_rounds == _MOST_ROUNDS:
            return plan, list(leaks)
        left = [leak for leak in leaks if leak.is_through and leak.track in self._filled]
        if left:
            return plan, left
        closed = harden(
            plan,
            leaks,
            hardened=self._hardened,
            seen_again=seen_again,
            seen_first=self._seen.detections,
            policy=self._policy,
            card=self._seen.card,
            canvas=self._seen.survey.index.canvas,
        )
        through = {leak.track for leak in leaks if leak.is_through}
        self._filled |= through & self._hardened
        self._hardened |= through
        self._n_rounds += 1
        changed = set(changed_frames(plan, closed))
        return closed, [leak for leak in leaks if leak.frame not in changed]


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


def _what_is_done(leaks: Sequence[Leak], card: ModelCard) -> Counter[str]:
    """What is done about leaks, and in how many frames each was found."""
    return Counter(
        f"audit: track {leak.track} was recognised as a {card.classes[leak.class_id]} through its "
        "mask and is hidden better"
        if leak.is_through
        else f"audit: a {card.classes[leak.class_id]} was found where nothing was masked, it is now"
        for leak in leaks
    )

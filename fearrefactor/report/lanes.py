"""From a mask plan to what a timeline shows: a lane for each track, and where nobody is sure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.report.content import LaneContent, SpanContent
from fearrefactor.storage.plan_columns import PROVENANCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.policy import Effect
    from fearrefactor.storage.plan_columns import PlanColumns

#: A timeline of more lanes is no picture any more; the longest ones are shown.
MOST_LANES: Final = 60
#: Spans of one video: finer than this, neighbours are drawn as one.
MOST_SPANS: Final = 1500
_MOST_UNSURE: Final = 50
#: Masked there although nothing was seen there with the policy's confidence.
_UNSEEN: Final = [
    number
    for number, name in enumerate(PROVENANCES)
    if name in {"continued", "bridged", "extended", "doubt"}
]
_DETECTED: Final = PROVENANCES.index("detected")


@dataclass(frozen=True)
class Timeline:
    """What is masked in one video over time.

    ``lanes`` are the longest of ``n_lanes``, in the order in which they begin. ``unsure``: the
    longest stretches first. ``masked_s``: seconds by class and track. ``time_s``: of each masked
    frame, from the first frame of the video. ``step_s`` is above 0 where spans that are nearer to
    each other than that are drawn as one.
    """

    lanes: tuple[LaneContent, ...]
    n_lanes: int
    unsure: tuple[tuple[float, float], ...]
    masked_s: dict[tuple[str, int], float]
    time_s: dict[int, float]
    step_s: float


@dataclass(frozen=True)
class _Runs:
    """Consecutive frames of one lane with one provenance; all arrays ``(n_runs,)``."""

    lane: NDArray[np.int64]
    provenance: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]


def timeline_of(plan: PlanColumns, duration_s: float) -> Timeline:
    """Lanes and unsure stretches of a plan; ``duration_s`` of the video in seconds."""
    if not len(plan.frame):
        return Timeline((), 0, (), {}, {}, 0.0)
    frames, times, ends = _moments(plan, duration_s)
    keys, lane = _lanes(plan)
    names = _class_names(plan, lane, len(keys))
    runs = _runs(plan, lane, frames, times, ends)
    length = np.bincount(runs.lane, runs.end_s - runs.start_s, len(keys))
    longest = np.argsort(-length, kind="stable")[:MOST_LANES]
    spans = {int(number): _spans(runs, number) for number in longest}
    spans, step_s = _few(spans, max(duration_s, float(ends[-1])))
    scores = np.zeros(len(keys))
    np.maximum.at(scores, lane, plan.score)
    drawn = [
        LaneContent(
            track=int(keys[number, 0]),
            class_name=names[number],
            effect=effect_name(plan.effects[int(keys[number, 1])]),
            score=float(scores[number]),
            spans=tuple(spans[number]),
        )
        for number in sorted(spans, key=lambda one: (spans[one][0].start_s, one))
    ]
    masked_s: dict[tuple[str, int], float] = {}
    for number, name in enumerate(names):
        if name:
            named = name, int(keys[number, 0])
            masked_s[named] = masked_s.get(named, 0.0) + float(length[number])
    return Timeline(
        lanes=tuple(drawn),
        n_lanes=len(keys),
        unsure=_unsure(plan, frames, times, ends),
        masked_s=masked_s,
        time_s=dict(zip(frames.tolist(), times.tolist(), strict=True)),
        step_s=step_s,
    )


def _moments(
    plan: PlanColumns, duration_s: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The masked frames, when each begins, and when it ends, in seconds."""
    frames, at = np.unique(plan.frame, return_index=True)
    times = plan.time_s[at]
    follows = np.diff(frames) == 1
    apart = np.diff(times)
    step = float(np.median(apart[follows])) if follows.any() else duration_s / plan.n_frames
    ends = times + max(step, 1e-3)
    ends[:-1] = np.where(follows, times[1:], np.minimum(ends[:-1], times[1:]))
    if frames[-1] == plan.n_frames - 1 and duration_s > times[-1]:
        ends[-1] = duration_s
    return frames, times, ends


def _lanes(plan: PlanColumns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Track, effect, provenance and class of each lane, ``(n_lanes, 4)``, and the lane of each row.

    A track has one lane for all that it was taken for; what belongs to no track has one for each
    reason and class.
    """
    of_none = np.where(plan.track < 0, [plan.provenance, plan.class_number], -1)
    columns = np.stack([plan.track, plan.effect, *of_none], axis=1)
    # As one number each: rows are sorted ten times as fast.
    least = columns.min(axis=0)
    radix = columns.max(axis=0) - least + 1
    single = np.ravel_multi_index(tuple((columns - least).T), tuple(radix))
    found, lane = np.unique(single, return_inverse=True)
    keys = np.stack(np.unravel_index(found, tuple(radix)), axis=1) + least
    return keys, lane.reshape(-1).astype(np.int64)


def _class_names(plan: PlanColumns, lane: NDArray[np.int64], n_lanes: int) -> list[str]:
    """What each lane was taken for most often, first of all where it was seen with confidence."""
    has_class = plan.class_number >= 0
    votes = np.zeros((n_lanes, len(plan.classes) + 1))
    weight = np.where(plan.provenance == _DETECTED, plan.n_frames + 1, 1)
    np.add.at(votes, (lane[has_class], plan.class_number[has_class]), weight[has_class])
    best = votes.argmax(axis=1)
    return [
        plan.classes[number] if votes[i, number] else "" for i, number in enumerate(best.tolist())
    ]


def _runs(
    plan: PlanColumns,
    lane: NDArray[np.int64],
    frames: NDArray[np.int64],
    times: NDArray[np.float64],
    ends: NDArray[np.float64],
) -> _Runs:
    order = np.lexsort((plan.provenance, plan.frame, lane))
    lane, frame, provenance = lane[order], plan.frame[order], plan.provenance[order]
    # Of several reasons in one frame the surest is drawn: spans of a lane do not overlap.
    first = np.ones(len(lane), bool)
    first[1:] = (np.diff(lane) != 0) | (np.diff(frame) != 0)
    lane, frame, provenance = lane[first], frame[first], provenance[first]
    begins = np.ones(len(lane), bool)
    begins[1:] = (np.diff(lane) != 0) | (np.diff(frame) != 1) | (np.diff(provenance) != 0)
    starts = np.flatnonzero(begins)
    last = np.append(starts[1:], len(lane)) - 1
    return _Runs(
        lane[starts],
        provenance[starts],
        times[np.searchsorted(frames, frame[starts])],
        ends[np.searchsorted(frames, frame[last])],
    )


def _spans(runs: _Runs, number: int) -> list[SpanContent]:
    return [
        SpanContent(
            start_s=float(runs.start_s[i]),
            end_s=float(runs.end_s[i]),
            provenance=PROVENANCES[int(runs.provenance[i])],
        )
        for i in np.flatnonzero(runs.lane == number)
    ]


def _few(
    spans: dict[int, list[SpanContent]], duration_s: float
) -> tuple[dict[int, list[SpanContent]], float]:
    """At most ``MOST_SPANS`` of them, and the step in seconds that this took."""
    step_s = 0.0
    found = spans
    while sum(map(len, found.values())) > MOST_SPANS:
        step_s = 2 * step_s or duration_s / 1000
        found = {number: _coarser(fine, step_s) for number, fine in spans.items()}
    return found, step_s


def _coarser(spans: Sequence[SpanContent], step_s: float) -> list[SpanContent]:
    """Spans that begin within the same step as one, for the reason that lasts longest in it."""
    merged = []
    for _, group in groupby(spans, lambda span: int(span.start_s // step_s)):
        together = list(group)
        lasting: dict[str, float] = {}
        for span in together:
            lasting[span.provenance] = lasting.get(span.provenance, 0.0) + span.end_s - span.start_s
        longest = max(together, key=lambda span: lasting[span.provenance])
        merged.append(
            longest.model_copy(update={"start_s": together[0].start_s, "end_s": together[-1].end_s})
        )
    return merged


def effect_name(effect: Effect) -> str:
    """An effect in a few letters."""
    name = effect.kind.replace("-", " ")
    if effect.kind == "fill":
        name += f" {effect.color}"
    elif effect.kind in {"blur", "mosaic", "background-blur"} and effect.strength != 1:
        name += f" ×{effect.strength:g}"
    return name


def _unsure(
    plan: PlanColumns,
    frames: NDArray[np.int64],
    times: NDArray[np.float64],
    ends: NDArray[np.float64],
) -> tuple[tuple[float, float], ...]:
    """Where something is masked that was not seen there with confidence: longest first."""
    n_tracks = int(plan.track.max()) + 2
    place = plan.frame * n_tracks + plan.track + 1
    seen = place[(plan.provenance == _DETECTED) & (plan.track >= 0)]
    unseen = np.isin(plan.provenance, _UNSEEN) & ~np.isin(place, seen)
    unsure = np.unique(plan.frame[unseen])
    if not len(unsure):
        return ()
    starts = np.flatnonzero(np.diff(unsure, prepend=unsure[0] - 2) != 1)
    last = np.append(starts[1:], len(unsure)) - 1
    begin = times[np.searchsorted(frames, unsure[starts])]
    end = ends[np.searchsorted(frames, unsure[last])]
    longest = np.argsort(begin - end, kind="stable")[:_MOST_UNSURE]
    return tuple((float(begin[i]), float(end[i])) for i in longest)

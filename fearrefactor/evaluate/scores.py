"""What it means to have masked an object well, in numbers.

``J`` is the intersection over union of what is masked and what the object is, as in DAVIS (Perazzi
et al., 2016); a frame with neither scores 1. Pixel recall is the share of the object's pixels that
are masked; it is what a viewer may still see that matters here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: A frame in which less of the object is masked shows it.
EXPOSED_BELOW: Final = 0.9


@dataclass(frozen=True)
class Coverage:
    """Pixels counted in the annotated frames of one video, in order.

    All ``(n,)`` int64: ``object_px`` those of the object, ``masked_px`` those masked, ``hit_px``
    those that are both, ``picture_px`` all.
    """

    object_px: NDArray[np.int64]
    masked_px: NDArray[np.int64]
    hit_px: NDArray[np.int64]
    picture_px: NDArray[np.int64]

    def __post_init__(self) -> None:
        least, most = self.hit_px, np.minimum(self.object_px, self.masked_px)
        union = self.object_px + self.masked_px - self.hit_px
        if (least < 0).any() or (least > most).any() or (union > self.picture_px).any():
            msg = "expected 0 <= hit <= object, masked and their union <= picture in every frame"
            raise ValueError(msg)

    @property
    def there(self) -> NDArray[np.bool_]:
        """``(n,)`` bool: frames in which there is an object."""
        return self.object_px > 0

    @property
    def j(self) -> NDArray[np.float64]:
        """``(n,)``: intersection over union, 1 where both are empty."""
        union = self.object_px + self.masked_px - self.hit_px
        return np.where(union > 0, self.hit_px / np.maximum(union, 1), 1.0)

    @property
    def recall(self) -> NDArray[np.float64]:
        """``(n,)``: share of the object that is masked, NaN where there is none."""
        return np.where(self.there, self.hit_px / np.maximum(self.object_px, 1), np.nan)

    @property
    def exposed(self) -> NDArray[np.bool_]:
        """``(n,)`` bool: frames that show the object."""
        return self.there & (self.hit_px < EXPOSED_BELOW * self.object_px)

    @property
    def over_masked_px(self) -> NDArray[np.int64]:
        """``(n,)``: pixels masked outside the object."""
        return self.masked_px - self.hit_px


@dataclass(frozen=True)
class Score:
    """How well one video, or many, are masked. None where there is nothing to measure.

    ``area_ratio`` is the masked area over the object's, ``over_masked_share`` what is masked
    outside the object over the picture's area; both are means over frames, the first over those in
    which there is an object. ``longest_exposed_run`` counts annotated frames in a row and is None
    for images, which do not follow each other.
    """

    n_frames: int
    n_object_frames: int
    mean_j: float
    mean_recall: float | None
    worst_recall: float | None
    exposed_frames: int
    longest_exposed_run: int | None
    area_ratio: float | None
    over_masked_share: float


def score(coverage: Coverage, *, follow: bool = True) -> Score:
    """The score of one video; ``follow``: whether its frames follow each other."""
    there, exposed = coverage.there, coverage.exposed
    recall = coverage.recall[there]
    some = bool(there.any())
    return Score(
        n_frames=len(there),
        n_object_frames=int(there.sum()),
        mean_j=float(coverage.j.mean()),
        mean_recall=float(recall.mean()) if some else None,
        worst_recall=float(recall.min()) if some else None,
        exposed_frames=int(exposed.sum()),
        longest_exposed_run=longest_run(exposed) if follow else None,
        area_ratio=float((coverage.masked_px[there] / coverage.object_px[there]).mean())
        if some
        else None,
        over_masked_share=float((coverage.over_masked_px / coverage.picture_px).mean()),
    )


def total(scores: Sequence[Score]) -> Score:
    """Several videos as one: means count each video once, as in DAVIS, the rest is over all."""
    runs = [one.longest_exposed_run for one in scores if one.longest_exposed_run is not None]
    worst = [one.worst_recall for one in scores if one.worst_recall is not None]
    return Score(
        n_frames=sum(one.n_frames for one in scores),
        n_object_frames=sum(one.n_object_frames for one in scores),
        mean_j=float(np.mean([one.mean_j for one in scores])),
        mean_recall=_mean([one.mean_recall for one in scores]),
        worst_recall=min(worst, default=None),
        exposed_frames=sum(one.exposed_frames for one in scores),
        longest_exposed_run=max(runs, default=None),
        area_ratio=_mean([one.area_ratio for one in scores]),
        over_masked_share=float(np.mean([one.over_masked_share for one in scores])),
    )


def longest_run(flags: NDArray[np.bool_]) -> int:
    """How many in a row are set, at most."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


#: Confidences at which recall is measured: .05, .10 … .95, as models and policies compare them.
CONFIDENCES: Final = (np.arange(5, 100, 5) / 100).astype(np.float32)


@dataclass(frozen=True)
class Curve:
    """Recall of single-frame masks at each of ``CONFIDENCES``, over all frames with an object.

    ``mean`` and ``worst`` ``(19,)`` float64, ``exposed`` ``(19,)`` int64 frames.
    """

    mean: NDArray[np.float64]
    worst: NDArray[np.float64]
    exposed: NDArray[np.int64]

    def highest_confidence(self, wanted: float, recall: NDArray[np.float64]) -> float | None:
        """The highest confidence at which ``recall``, one of the curves, is still ``wanted``.

        Every lower one reaches it too, and masks more that is not there; None if even the lowest
        does not.
        """
        reached = np.flatnonzero(recall >= wanted)
        return round(float(CONFIDENCES[reached[-1]]), 2) if reached.size else None


def hits_by_confidence(best: NDArray[np.float32], drawn: NDArray[np.bool_]) -> NDArray[np.int64]:
    """``(19,)``: pixels of the object that are masked at each of ``CONFIDENCES``.

    ``best``: ``(height, width)`` the highest score of all instances that cover a pixel, 0 where
    there is none; ``drawn`` ``(height, width)`` where the object is.
    """
    n_reached = np.searchsorted(CONFIDENCES, best[drawn], side="right")
    counts = np.bincount(n_reached, minlength=len(CONFIDENCES) + 1)
    return np.asarray(counts[::-1].cumsum()[::-1][1:], np.int64)


def curve(hit_px: NDArray[np.int64], object_px: NDArray[np.int64]) -> Curve | None:
    """The curve of ``(n, 19)`` hits in frames with ``(n,)`` pixels of the object.

    None if no frame has any.
    """
    there = object_px > 0
    if not there.any():
        return None
    recall = hit_px[there] / object_px[there, None]
    exposed = hit_px[there] < EXPOSED_BELOW * object_px[there, None]
    return Curve(recall.mean(axis=0), recall.min(axis=0), exposed.sum(axis=0))

"""Which instances a policy keeps clear, since they lie inside another thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.rle import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.rle import Mask


def kept(detections: Detections, policy: Policy, card: ModelCard) -> NDArray[np.bool_]:
    """Which instances ``(n,)`` bool a ``keep`` rule protects in their own frame.

    In doubt none is: an instance without a mask of its own or with one of another size than the
    container's is masked, and so is one that only several containers together would cover.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    protected = np.zeros(len(detections), bool)
    for keep in policy.keep:
        candidates = np.isin(detections.class_id, _ids(keep.classes, card))
        containers = np.isin(detections.class_id, _ids(keep.inside, card))
        containers &= detections.score >= np.float32(keep.confidence)
        for inner, outer in _frames_with_both(detections, candidates & ~protected, containers):
            for row in inner:
                protected[row] = any(
                    _share_inside(detections.mask[row], detections.mask[other]) >= keep.share
                    for other in outer
                )
    return protected


def _ids(names: tuple[str, ...], card: ModelCard) -> list[int]:
    return [card.class_id(name) for name in names]


def _frames_with_both(
    detections: Detections, one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For each frame that has instances of both kinds, their rows."""
    frames = np.intersect1d(detections.frame[one], detections.frame[other])
    first = np.searchsorted(detections.frame, frames, side="left")
    end = np.searchsorted(detections.frame, frames, side="right")
    for start, stop in zip(first, end, strict=True):
        inner, outer = np.flatnonzero(one[start:stop]), np.flatnonzero(other[start:stop])
        yield inner + start, outer + start


def _share_inside(mask: Mask, container: Mask) -> float:
    """How much of ``mask`` lies in the bounding box of ``container``; 0 if that is in doubt.

    What is seen through a window or on a screen is often cut out of the container's own mask.
    """
    if (mask.height, mask.width) != (container.height, container.width):
        return 0.0
    bits = decode([mask, container])
    inner, outer = bits[:, :, 0], bits[:, :, 1]
    rows, columns = np.flatnonzero(outer.any(axis=1)), np.flatnonzero(outer.any(axis=0))
    n_cells = int(np.count_nonzero(inner))
    if not (rows.size and n_cells):
        return 0.0
    covered = inner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return int(np.count_nonzero(covered)) / n_cells

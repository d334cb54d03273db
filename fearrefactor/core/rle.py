"""Masks as COCO run-length encodings, read by any COCO tool.

The coding is pycocotools' own (column-major runs, compressed counts as ASCII); this module only
fixes types and says what a mask means here: **a mask of any size covers the whole upright frame**.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pycocotools import mask as coco

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask of ``height`` × ``width`` cells over the whole upright frame."""

    counts: str
    height: int
    width: int

    def bits(self) -> NDArray[np.uint8]:
        """``(height, width)`` uint8, 1 inside."""
        return decode([self])[:, :, 0]

    def area(self) -> int:
        """Number of cells inside."""
        return int(coco.area(cast("Any", _coco(self))))


def encode(bits: NDArray[np.uint8]) -> list[Mask]:
    """``(n, height, width)`` uint8 masks of 0 and 1 to ``n`` encodings."""
    if bits.ndim != 3 or bits.dtype != np.uint8:
        msg = f"expected (n, height, width) uint8 masks, got {bits.shape} {bits.dtype}"
        raise ValueError(msg)
    if not len(bits):
        return []
    if bits.size and bits.max() > 1:
        msg = f"expected masks of 0 and 1, got {bits.max()}"
        raise ValueError(msg)
    fortran = np.asfortranarray(bits.transpose(1, 2, 0))
    height, width = bits.shape[1:]
    return [Mask(rle["counts"].decode("ascii"), height, width) for rle in coco.encode(fortran)]


def decode(masks: Sequence[Mask]) -> NDArray[np.uint8]:
    """Masks of one size to ``(height, width, n)`` uint8.

    Raises:
        ValueError: counts that do not fill the size they claim, or sizes that differ.
    """
    if len({(mask.height, mask.width) for mask in masks}) > 1:
        msg = "expected masks of one size"
        raise ValueError(msg)
    for mask in masks:
        runs = _runs(mask.counts)
        if sum(runs) != mask.height * mask.width or min(runs) < 0:
            msg = f"expected runs over {mask.height} × {mask.width} cells, got {runs[:8]} …"
            raise ValueError(msg)
    return cast("NDArray[np.uint8]", coco.decode(cast("Any", [_coco(mask) for mask in masks])))


def _runs(counts: str) -> list[int]:
    """Lengths of the runs, read as pycocotools does: it leaves memory unset where they are few."""
    runs: list[int] = []
    value = shift = 0
    for char in counts.encode("ascii"):
        group = char - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:  # five bits at a time, the lowest first; the sixth says that more follow
            continue
        if group & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs or [-1]


def _coco(mask: Mask) -> dict[str, object]:
    return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}

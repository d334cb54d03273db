"""A plan that is asked for as it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.plan import Region
    from fearrefactor.core.video import VideoIndex


class AskedRegions(Mapping[int, "tuple[Region, ...]"]):
    """A plan of which one segment at a time is here: those of a long video would fill the memory.

    ``masked``: ``(n,)`` int64, the frames that have regions, ascending; ``ask`` gives a segment's.
    """

    def __init__(
        self,
        index: VideoIndex,
        masked: NDArray[np.int64],
        ask: Callable[[int], dict[int, tuple[Region, ...]]],
    ) -> None:
        self._starts = np.array([segment.first_frame for segment in index.segments])
        self._masked = masked
        self._ask = ask
        self._segment = -1
        self._here: dict[int, tuple[Region, ...]] = {}

    def __getitem__(self, frame: int) -> tuple[Region, ...]:
        segment = int(np.searchsorted(self._starts, frame, side="right")) - 1
        if segment != self._segment:
            self._here = self._ask(segment)
            self._segment = segment
        return self._here[frame]

    def __iter__(self) -> Iterator[int]:
        return iter(self._masked.tolist())

    def __len__(self) -> int:
        return len(self._masked)

"""What masks are laid on: a picture's size and the times of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Canvas:
    """What masks are laid on: the upright picture's size and the time of each frame.

    ``times_s``: ``(n_frames,)`` float64, ascending, seconds from the video's first frame.
    """

    width_px: int
    height_px: int
    times_s: NDArray[np.float64]

    @property
    def n_frames(self) -> int:
        """How many frames are presented."""
        return int(self.times_s.size)

    @property
    def frames_per_s(self) -> float:
        """On average over the video; 0 for a picture."""
        if self.n_frames < 2:
            return 0.0
        return float((self.n_frames - 1) / (self.times_s[-1] - self.times_s[0]))

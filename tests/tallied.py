"""A stub model that counts what it is given in all processes together, and lets them meet."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nights import wait_until
from stub_model import LampFinder

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances


@dataclass(frozen=True)
class TalliedModel(LampFinder):
    """Adds to ``file`` how many frames it is given, by whichever process.

    Nobody is answered before ``n_together`` processes have asked.
    """

    file: Path = field(kw_only=True)
    n_together: int = 1

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``."""
        with self.file.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()} {len(frames)}\n")
        wait_until(lambda: len(self.n_frames()) >= self.n_together)
        return super().segment(frames)

    def n_frames(self) -> Counter[int]:
        """How many frames each process has asked about, so far."""
        told: Counter[int] = Counter()
        for line in self.file.read_text("ascii").splitlines():
            process, n_frames = map(int, line.split())
            told[process] += n_frames
        return told

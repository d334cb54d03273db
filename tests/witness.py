"""A model that tells which frames it was given, whichever process it lives in."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamp_clips import read_bars
from stub_model import COLOURS, LampFinder, lamp_bits

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances


@dataclass(frozen=True)
class WitnessModel(LampFinder):
    """As ``LampFinder``, for barred films; ``folder`` gets a file from each process.

    It notes film and frame where a red lamp shines: what was masked and is looked at again has
    none. It takes ``pause_s`` for a batch.
    """

    folder: Path = field(kw_only=True)
    pause_s: float = 0.0

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``."""
        time.sleep(self.pause_s)
        red = COLOURS.index("red")
        seen = [read_bars(frame) for frame in frames if lamp_bits(frame, red).any()]
        with (self.folder / f"{os.getpid()}.txt").open("a") as file:
            file.writelines(f"{film} {frame}\n" for film, frame in seen)
        return super().segment(frames)


def looks(folder: Path) -> Counter[tuple[int, int]]:
    """How often a model was given each frame in which a red lamp shone, by film and frame."""
    lines = [line for path in folder.iterdir() for line in path.read_text().splitlines()]
    return Counter((int(film), int(frame)) for film, frame in map(str.split, lines))

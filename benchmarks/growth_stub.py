"""A model and workers for ``growth.py``: things at fixed places, for next to no time."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.cluster.workers import Worker
from fearrefactor.core.detections import Instances
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.pipeline.worker import VideoWorker

if TYPE_CHECKING:
    from fearrefactor.pipeline.job import JobSettings

CARD = ModelCard(name="things", sha256="6" * 64, classes=("thing",), long_side=640, licence="none")
FILLED = (0, 255, 0)
POLICY = Policy(
    rules=(Rule(classes=("thing",), effect=Effect(kind="fill", color="#00ff00")),), name="growth"
)
SHARE = 0.1


class Things:
    """A segmenter that sees ``n`` round things, together a tenth of the picture.

    They tremble by what is in the picture; one whose middle is green has been filled, and is not
    seen.
    """

    card = CARD

    def __init__(self, n: int) -> None:
        self._n = n

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: np.ndarray) -> Instances:
        tremble = int(frame[::16, ::16].sum()) % 3 - 1
        centres, all_things = things(self._n, frame.shape[0] // 4, frame.shape[1] // 4, tremble)
        middles = frame[4 * centres[:, 1], 4 * centres[:, 0]].astype(int)
        seen = np.abs(middles - FILLED).max(axis=1) >= 60
        return Instances(
            all_things.boxes[seen],
            all_things.scores[seen],
            all_things.class_ids[seen],
            all_things.masks[seen],
        )


@functools.cache
def things(n: int, height: int, width: int, tremble: int) -> tuple[np.ndarray, Instances]:
    """Their centres ``(n, 2)`` in cells of the mask, and they themselves."""
    n_columns = max(1, math.ceil(math.sqrt(n * 16 / 9)))
    n_rows = max(1, math.ceil(n / n_columns))
    radius = math.sqrt(SHARE * height * width / max(1, n) / math.pi)
    numbers = np.arange(n)
    x = ((numbers % n_columns + 0.5) * width / n_columns).astype(int) + tremble
    y = ((numbers // n_columns + 0.5) * height / n_rows).astype(int)
    rows, columns = np.mgrid[:height, :width]
    away = (columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2
    boxes = np.stack([x - radius, y - radius, x + radius + 1, y + radius + 1], 1)
    return np.stack([x, y], 1), Instances(
        boxes=boxes.astype(np.float32).clip(0) * 4,
        scores=np.full(n, 0.9, np.float32),
        class_ids=np.zeros(n, np.int32),
        masks=(away <= radius**2).astype(np.uint8),
    )


class StubWorker(Worker):
    """An actor that holds such a segmenter."""

    def __init__(self, settings: JobSettings, n_things: int) -> None:
        super().__init__(settings, None, 1)
        self._free.get()
        self._free.put(VideoWorker(settings, Things(n_things), self._scratch.path))

    def card(self) -> ModelCard:
        """See ``Worker.card``."""
        return CARD

"""What every model does for the house: frames in, instances out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fearrefactor.core.letterbox import STRIDE
from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.model import ModelCard


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """What decides, beside the model and the frame, what is found. Its ``repr`` is its identity.

    ``score_floor``: the lowest score that is kept; ``nms_iou``: boxes of one class that overlap
    more are one thing; ``max_instances``: how many a frame may have, the best first;
    ``long_side``: the longer side of the model's input in pixels.
    """

    score_floor: float = 0.05
    nms_iou: float = 0.7
    max_instances: int = 300
    long_side: int = 640

    def __post_init__(self) -> None:
        object.__setattr__(self, "score_floor", float(self.score_floor))
        object.__setattr__(self, "nms_iou", float(self.nms_iou))
        if not (0 < self.score_floor <= 1 and 0 < self.nms_iou <= 1):
            msg = f"expected score_floor and nms_iou in (0, 1], got {self}"
            raise ValueError(msg)
        if self.max_instances < 1 or self.long_side < STRIDE or self.long_side % STRIDE:
            msg = f"expected max_instances > 0 and long_side a multiple of {STRIDE}, got {self}"
            raise ValueError(msg)


class Segmenter(Protocol):
    """Instance segmentation of letterboxed frames. One thread calls it at a time.

    ``DynamicBatcher`` is a segmenter that many threads may call.
    """

    @property
    def card(self) -> ModelCard:
        """Identity and classes of the model behind it."""
        ...

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """``(n, H, W, 3)`` uint8 RGB, ``H`` and ``W`` multiples of 32, to one value a frame.

        Boxes are in input pixels and not clipped to it; masks have a cell for 4 × 4 pixels. An
        instance whose mask is empty stays: it was seen, and its box says where.

        Raises:
            ModelError: frames of another shape or type, or answers that are no answers.
        """
        ...


def check_frames(frames: Any, name: str) -> None:
    """Hold frames, an array or a tensor, against what ``Segmenter.segment`` takes.

    Raises:
        ModelError: they are of another type, rank or size.
    """
    shape, kind = tuple(frames.shape), str(frames.dtype).removeprefix("torch.")
    fits = len(shape) == 4 and kind == "uint8" and shape[3] == 3
    if not fits or shape[1] % STRIDE or shape[2] % STRIDE or not all(shape):
        raise ModelError(
            f"model {name}: expected frames (n, H, W, 3) uint8 with n > 0 and H, W multiples of "
            f"{STRIDE}, got {shape} {kind}"
        )

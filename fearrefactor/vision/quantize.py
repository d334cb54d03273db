"""Networks in eight bits: NNCF measures the range of each layer's values on pictures.

What answers with numbers that are read to the pixel stays in full precision: the layers that the
scores, boxes, coefficients and prototypes come from. Everything before them is in int8.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openvino as ov

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import CELL, STRIDE
from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.openvino_runtime import traced
from fearrefactor.vision.quantized import SUFFIX, QuantizedFacts, write_quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fearrefactor.vision.catalog import ModelFile

#: NNCF's own number of pictures is 300; beyond a hundred the ranges hardly move.
_MOST_PICTURES: Final = 128
#: Height and width that a network is traced at; it is then good for others.
_EXAMPLE: Final = (12 * STRIDE, 20 * STRIDE)


class PictureCollector:
    """A ``Segmenter`` that finds nothing and keeps some of the pictures it is shown, evenly spread.

    So pictures for a calibration are decoded and shrunk by the very steps that the model's are.
    """

    def __init__(self, long_side: int) -> None:
        self.card = ModelCard(
            name="calibration", sha256="", classes=(), long_side=long_side, licence=""
        )
        self._kept: list[NDArray[np.uint8]] = []
        self._every = 1
        self._n_shown = 0

    @property
    def pictures(self) -> list[NDArray[np.uint8]]:
        """At most 128, each ``(H, W, 3)`` uint8 RGB."""
        return self._kept[:: -(-len(self._kept) // _MOST_PICTURES) or 1]

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``."""
        for frame in frames:
            if self._n_shown % self._every == 0:
                self._kept.append(frame.copy())
            self._n_shown += 1
            if len(self._kept) == 2 * _MOST_PICTURES:
                self._kept, self._every = self._kept[::2], 2 * self._every
        height, width = frames.shape[1] // CELL, frames.shape[2] // CELL
        nothing = Instances(
            boxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            class_ids=np.zeros(0, np.int32),
            masks=np.zeros((0, height, width), np.uint8),
        )
        return [nothing] * len(frames)


def quantize(file: ModelFile, pictures: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write the network of ``file`` in int8 to ``path``, calibrated on ``(H, W, 3)`` uint8 RGB.

    Raises:
        ModelError: it is no checkpoint, there are no pictures, nncf is not installed, or it cannot
            do it.
    """
    if file.kind != "segmenter":
        raise ModelError(f"{file.name} cannot be quantised: {file.path} is no checkpoint")
    if not pictures:
        raise ModelError("expected pictures to calibrate on, got none")
    if path.suffix != SUFFIX:
        raise ModelError(f"expected a name that ends in {SUFFIX}, got {path}")
    from fearrefactor.vision.checkpoint import load_network  # imports torch

    network = load_network(file)
    calibrated_on = hashlib.sha256()
    for picture in pictures:
        calibrated_on.update(f"{picture.shape}".encode() + picture.tobytes())
    facts = QuantizedFacts(
        name=f"{file.name}-int8",
        licence=file.licence,
        target=file.target,
        head=network.head,
        classes=network.classes,
        made_from=file.sha256,
        calibrated_on=calibrated_on.hexdigest(),
        n_pictures=len(pictures),
    )
    model = _in_int8(traced(network, *_EXAMPLE), pictures)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "network.xml")
        ov.save_model(model, str(written), compress_to_fp16=False)
        write_quantized(path, facts, written.read_bytes(), written.with_suffix(".bin").read_bytes())


def _in_int8(model: ov.Model, pictures: Sequence[NDArray[np.uint8]]) -> ov.Model:
    try:
        import nncf
    except ImportError as error:
        raise ModelError(
            f"{error}; quantising needs nncf: pip install 'fearrefactor[int8]'"
        ) from error
    nncf.set_log_level(logging.ERROR)
    try:
        return nncf.quantize(
            model,
            nncf.Dataset(pictures, _as_input),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pictures),
            ignored_scope=nncf.IgnoredScope(names=last_layers(model), validate=False),
        )
    except (RuntimeError, ValueError, nncf.errors.ValidationError) as error:
        raise ModelError(f"nncf cannot quantise it: {error}") from error


def last_layers(model: ov.Model) -> list[str]:
    """Names of the last convolution before each answer, and of all that comes after these."""
    names: set[str] = set()
    waiting: list[Any] = list(model.get_results())
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() in names or node.get_type_name() in {"Constant", "ShapeOf"}:
            continue
        names.add(node.get_friendly_name())
        if node.get_type_name() != "Convolution":
            waiting += [one.get_source_output().get_node() for one in node.inputs()]
    return sorted(names)


def _as_input(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    planes = np.ascontiguousarray(picture[None].transpose(0, 3, 1, 2), np.float32)
    planes /= 255
    return planes

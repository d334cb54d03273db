"""Segmentation networks on the CPU, through OpenVINO."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from pydantic import BaseModel, ConfigDict, ValidationError

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import CELL
from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates, best
from fearrefactor.vision.compiled import (
    CompiledBySize,
    CpuSettings,
    cached_path,
    locked,
    with_frames_as_input,
)
from fearrefactor.vision.halves import halves
from fearrefactor.vision.heads import confident, reader
from fearrefactor.vision.masks import from_prototypes
from fearrefactor.vision.network import Head, Network
from fearrefactor.vision.segmenter import DetectSettings, check_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.quantized import QuantizedNetwork


class NetworkFacts(BaseModel):
    """What is needed of a network to read its answers, kept beside its compiled models."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    head: Head
    classes: tuple[str, ...]


class OpenVinoSegmenter:
    """A segmenter that imports torch only if no process has converted the model before.

    ``load`` gives the network of ``file``; it is called at most once.
    """

    def __init__(
        self,
        file: ModelFile,
        load: Callable[[], Network | QuantizedNetwork],
        settings: DetectSettings,
        cpu: CpuSettings,
    ) -> None:
        self._load = load
        self._network: Network | QuantizedNetwork | None = None
        self._settings = settings
        key = file.sha256[:16]
        facts = self._facts(file, cached_path(cpu.cache, key, ".json"))
        self._compiled = CompiledBySize(key, self._convert, cpu, halves)
        self.card = ModelCard(
            name=file.name,
            sha256=file.sha256,
            classes=facts.classes,
            long_side=settings.long_side,
            licence=file.licence,
            runtime=self._compiled.runtime + (", int8" if file.kind == "quantized" else ""),
        )
        self._head = reader(facts.head, len(facts.classes))

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``; the frames are looked at one by one."""
        check_frames(frames, self.card.name)
        try:
            return [self._look(frame) for frame in frames]
        except ModelError as error:
            raise error.naming(f"model {self.card.name}") from error

    def _look(self, frame: NDArray[np.uint8]) -> Instances:
        predictions, *_ = self._compiled.infer(frame)
        rows, _ = confident(self._head, predictions, 1, self._settings.score_floor)
        found = best(
            self._head.read(rows),
            self._settings,
            len(self.card.classes),
            overlapping=self._head.overlapping,
        )
        return Instances(
            boxes=found.boxes,
            scores=found.scores,
            class_ids=found.class_ids,
            masks=self._masks(found, *frame.shape[:2]),
        )

    def _masks(self, found: Candidates, height: int, width: int) -> NDArray[np.uint8]:
        """Prototypes cost a third of a look, and are asked for only where something was found."""
        cells = height // CELL, width // CELL
        if not len(found.scores):
            return np.zeros((0, *cells), np.uint8)
        (prototypes,) = self._compiled.infer_rest(height, width)
        check_prototypes(prototypes, (1, N_COEFFICIENTS, *cells))
        return from_prototypes(found.coefficients, prototypes[0], found.boxes)

    def _loaded(self) -> Network | QuantizedNetwork:
        if self._network is None:
            self._network = self._load()
        return self._network

    def _facts(self, file: ModelFile, path: Path) -> NetworkFacts:
        with locked(path):
            try:
                known = NetworkFacts.model_validate_json(path.read_bytes())
            except (FileNotFoundError, ValidationError):
                known = None
            if known is not None and known.sha256 == file.sha256:
                return known
            network = self._loaded()
            facts = NetworkFacts(sha256=file.sha256, head=network.head, classes=network.classes)
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                written = Path(folder, path.name)
                written.write_text(facts.model_dump_json())
                written.replace(path)
            return facts

    def _convert(self, height: int, width: int) -> ov.Model:
        network = self._loaded()
        if isinstance(network, Network):
            model = traced(network, height, width)
        else:
            model = network.network.clone()  # what follows changes it
        return with_frames_as_input(model, height, width, scale=255)


def traced(network: Network, height: int, width: int) -> ov.Model:
    """A torch network as OpenVINO's: it takes and answers the same."""
    import torch

    example: Any = torch.zeros(1, 3, height, width)
    with warnings.catch_warnings():
        # OpenVINO traces, which torch wants to see replaced; nothing that a user can do
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return ov.convert_model(network.module, example_input=example)


def check_prototypes(prototypes: NDArray[np.float32], expected: tuple[int, ...]) -> None:
    """Hold prototypes against their shape; one NaN in them would silently empty every mask.

    Raises:
        ModelError: another shape, or values that are not finite.
    """
    if prototypes.shape != expected:
        raise ModelError(f"expected prototypes {expected}, got {prototypes.shape}")
    if not np.isfinite(prototypes).all():
        raise ModelError("expected finite prototypes, the model answered NaN or infinity")

"""From a model file to a network, whichever family wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fearrefactor.errors import ModelError
from fearrefactor.vision import restricted_load, ultralytics_checkpoint, yolov5_checkpoint
from fearrefactor.vision.catalog import check_unchanged

if TYPE_CHECKING:
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.network import Network

_PROBE_HEIGHT, _PROBE_WIDTH = 64, 96


def load_network(file: ModelFile) -> Network:
    """The network in a ``.pt`` checkpoint, or one with random weights from a ``.yaml``.

    Raises:
        ModelError: the file changed since it was resolved, is not a segmentation model, asks to
            run code, or answers in a shape that breaks the contract of ``Network``.
    """
    check_unchanged(file)
    network = _network(file)
    _check_contract(network, file)
    return network


def _network(file: ModelFile) -> Network:
    if file.path.suffix == ".yaml":
        return ultralytics_checkpoint.build(file.path, file.name)
    if file.kind != "segmenter" or file.path.suffix != ".pt":
        raise ModelError(f"model {file.name}: {file.path} is not a segmentation checkpoint (.pt)")
    names = restricted_load.globals_in(file.path)
    if yolov5_checkpoint.recognises(names):
        return yolov5_checkpoint.load(file.path)
    return ultralytics_checkpoint.load(file.path)


def _check_contract(network: Network, file: ModelFile) -> None:
    """Run a small black picture through and compare shapes with what ``Network`` promises."""
    n_classes = len(network.classes)
    try:
        with torch.inference_mode():
            answers = network.module(torch.zeros(1, 3, _PROBE_HEIGHT, _PROBE_WIDTH))
        predictions, prototypes = (tuple(answer.shape) for answer in answers)
    except Exception as error:  # the modules are a stranger's: wiring and sizes can be anything
        raise ModelError(f"model {file.name}: {file.path} does not run: {error}") from error
    row = {"anchors": 5 + n_classes + 32, "anchor_free": 4 + n_classes + 32, "end_to_end": 6 + 32}
    axis = 1 if network.head == "anchor_free" else 2
    wanted = (1, 32, _PROBE_HEIGHT // 4, _PROBE_WIDTH // 4)
    if len(predictions) != 3 or predictions[axis] != row[network.head] or prototypes != wanted:
        raise ModelError(
            f"model {file.name}: expected {network.head} predictions with {row[network.head]} "
            f"values on axis {axis} and prototypes {wanted}, got {predictions} and {prototypes}"
        )
    if network.stride != 32:
        raise ModelError(f"model {file.name}: expected a stride of 32, got {network.stride}")

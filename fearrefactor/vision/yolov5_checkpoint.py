"""Checkpoints of YOLOv5-seg and YOLOv7-seg, restored without the code that wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fearrefactor.errors import ModelError
from fearrefactor.vision import restricted_load
from fearrefactor.vision import yolov5_layers as layers
from fearrefactor.vision.network import Network

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def _no_forward(*_: object) -> None:
    """Stand-in for ``getattr``: the pickles ask it only for a ``forward``, which ours have."""


_ALLOWED: dict[str, object] = {
    "models.common.Conv": layers.Conv,
    "models.common.Bottleneck": layers.Bottleneck,
    "models.common.C3": layers.C3,
    "models.common.SPPF": layers.SPPF,
    "models.common.SPPCSPC": layers.SPPCSPC,
    "models.common.MP": layers.MP,
    "models.common.Concat": layers.Concat,
    "models.common.Proto": layers.Proto,
    "models.common.ImplicitA": layers.Implicit,
    "models.common.ImplicitM": nn.Identity,  # in the file, but its forward does not use it
    "models.yolo.Detect": layers.Segment,  # asked only for its ``forward``
    "models.yolo.IDetect": layers.Segment,
    "models.yolo.Segment": layers.Segment,
    "models.yolo.ISegment": layers.Segment,
    "models.yolo.SegmentationModel": layers.SegmentationModel,
    "builtins.getattr": _no_forward,
    **{
        f"{kind.__module__}.{kind.__name__}": kind
        for kind in (
            nn.BatchNorm2d,
            nn.Conv2d,
            nn.MaxPool2d,
            nn.ModuleList,
            nn.Sequential,
            nn.SiLU,
            nn.Upsample,
        )
    },
}


def recognises(names: Collection[str]) -> bool:
    """Whether the names that a checkpoint asks for are those of this family."""
    return "models.yolo.SegmentationModel" in names


def load(path: Path) -> Network:
    """A YOLOv5-seg or YOLOv7-seg checkpoint as a network with an ``anchors`` head.

    Raises:
        ModelError: not such a checkpoint, or it names something that is not a layer of theirs.
    """
    checkpoint = restricted_load.load(path, _ALLOWED)
    model = None
    if isinstance(checkpoint, dict):
        model = checkpoint.get("ema") or checkpoint.get("model")
    if not isinstance(model, layers.SegmentationModel):
        raise ModelError(f"{path}: expected a segmentation model under 'model', got {type(model)}")
    try:
        model = model.float().eval().requires_grad_(requires_grad=False)
        _fuse(model)
        head: Any = model.model[-1]
        head.anchors = head.anchors.float()
        head.register_buffer("stride", _taken(head, "stride").float(), persistent=False)
        names: Any = model.names
        classes = tuple(str(names[index]) for index in range(head.nc))
        stride = int(head.stride.max())
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ModelError(f"{path}: not a YOLOv5 or YOLOv7 segmentation model: {error}") from error
    return Network(module=model, head="anchors", classes=classes, stride=stride)


def _taken(module: nn.Module, name: str) -> torch.Tensor:
    """A plain attribute out of the module, so that it can come back as a buffer that moves along.

    Raises:
        TypeError: it is not a tensor.
    """
    value = module.__dict__.pop(name)
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"expected {name} to be a tensor, got {type(value)}")
    return value


def _fuse(model: nn.Module) -> None:
    """Fold each batch norm into the convolution before it."""
    for module in model.modules():
        norm = getattr(module, "bn", None)
        if isinstance(module, layers.Conv) and isinstance(norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, norm)
            del module.bn

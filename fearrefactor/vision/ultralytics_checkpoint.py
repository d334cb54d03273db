"""Segmentation checkpoints and model descriptions of Ultralytics (v8, 11, 26, …).

A checkpoint is a pickle of Ultralytics' own classes. Some of their constructors evaluate strings
or load further files, so even these are not called while a stranger's file is read: each name is
restored as an inert shell that only holds attributes, and gets its real class afterwards.
"""

from __future__ import annotations

import importlib
import pickle
import re
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from fearrefactor.errors import ModelError
from fearrefactor.vision import restricted_load
from fearrefactor.vision.network import Network
from fearrefactor.vision.ultralytics_package import quiet_import

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_LAYERS = re.compile(r"ultralytics\.nn\.(?:tasks|modules(?:\.\w+)?)\.\w+")
_TORCH_LAYERS = re.compile(r"torch\.nn\.modules\.\w+\.\w+")
#: What training leaves in a checkpoint and masking never reads: settings, losses, scores, paths.
_BAGGAGE = re.compile(
    r"ultralytics\.(?:yolo\.)?utils\.(?:\w+\.)?\w+|numpy\.dtype|numpy\.dtypes\.\w+"
    r"|numpy\._?core\.multiarray\.scalar|pathlib\.(?:_local\.)?(?:Posix|Windows)Path"
)
_N_COEFFICIENTS = 32


class _Shell(nn.Module):
    """Holds a layer's attributes until its class is known to be a layer."""


class _Discarded:
    """Takes the place of something that is not needed, and forgets all it is given."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _name_of_forward(_: object, name: str) -> str:
    """Stand-in for ``getattr``, which a checkpoint asks only for a layer's forward.

    Raises:
        UnpicklingError: it asks for something else.
    """
    if name not in {"forward", "forward_fuse"}:
        raise pickle.UnpicklingError(f"asks for attribute {name!r}")
    return name


def recognises(names: Collection[str]) -> bool:
    """Whether the names that a checkpoint asks for are those of this family."""
    return any(_LAYERS.fullmatch(name) for name in names)


def load(path: Path) -> Network:
    """A checkpoint of an Ultralytics segmentation model as a network.

    Raises:
        ModelError: not such a checkpoint, or it names what no model has need of.
    """
    names = restricted_load.globals_in(path)
    classes = {name: _layer_class(path, name) for name in names if _is_layer(name)}
    shells = {name: type(kind.__name__, (_Shell,), {}) for name, kind in classes.items()}
    checkpoint = restricted_load.load(
        path,
        {
            "builtins.getattr": _name_of_forward,
            **{name: _Discarded for name in names if _BAGGAGE.fullmatch(name)},
            **{
                name: kind if kind.__module__.startswith("torch.") else shells[name]
                for name, kind in classes.items()
            },
        },
    )
    model = None
    if isinstance(checkpoint, dict):
        model = checkpoint.get("ema") or checkpoint.get("model")
    if not isinstance(model, nn.Module):
        raise ModelError(f"{path}: expected a model under 'model' or 'ema', got {type(model)}")
    try:
        _fill(model, {shells[name]: kind for name, kind in classes.items()})
        return _network(str(path), model)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: not a usable segmentation model: {error}") from error


def build(path: Path, name: str, seed: int = 0) -> Network:
    """A network with random weights from a model description (``.yaml``), for tests and timings.

    ``name`` carries the scale, as in ``yolo11n-seg``, unless the file has a ``scale`` of its own.

    Raises:
        ModelError: the file does not describe a segmentation model.
    """
    with quiet_import():
        from ultralytics.nn.tasks import SegmentationModel

    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
        scale = re.search(r"\d([nslmx])(?:-|$)", name)
        if scale and "scale" not in description:
            description["scale"] = scale.group(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: Any = SegmentationModel(description, verbose=False)  # type: ignore[no-untyped-call]
        return _network(str(path), model)
    except ModelError:
        raise
    except Exception as error:  # the description is run by Ultralytics' own parser
        raise ModelError(f"{path} does not describe a segmentation model: {error}") from error


def _is_layer(name: str) -> bool:
    return bool(_LAYERS.fullmatch(name) or _TORCH_LAYERS.fullmatch(name))


def _layer_class(path: Path, name: str) -> type[nn.Module]:
    """The layer by that name.

    Raises:
        ModelError: this version of Ultralytics or torch has none, or it is not a layer.
    """
    module, _, attribute = name.rpartition(".")
    try:
        with quiet_import():
            kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"{path} needs {name}, which is not in the Ultralytics or torch installed here"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ModelError(f"{path} asks to run {name}, which is not a layer; it was not loaded")
    return kind


def _fill(model: nn.Module, class_of: dict[type[nn.Module], type[nn.Module]]) -> None:
    """Give each shell its class, and what older or fused checkpoints lack or hold differently."""
    if hasattr(model, "criterion"):
        del model.criterion
    for module in model.modules():
        module.__class__ = class_of.get(type(module), type(module))
        if vars(module).pop("forward", None) == "forward_fuse":
            fused: Any = module.forward_fuse
            module.forward = fused
        if isinstance(module, nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None


def _network(path: str, model: Any) -> Network:
    """The model behind our contract.

    YOLO26 has two heads. Unless the checkpoint asks for the end-to-end one, or was fused down to
    it, the other is used, as Ultralytics itself does: it finds a little more.

    Raises:
        ModelError: it has no segmentation head that we can read.
    """
    from ultralytics.nn.modules.head import Segment
    from ultralytics.nn.tasks import SegmentationModel

    layers: Any = model.model if isinstance(model, SegmentationModel) else [None]
    head = layers[-1]
    if not isinstance(head, Segment):
        raise ModelError(
            f"{path} is a {type(model).__name__}, not a segmentation model; masks need one whose "
            "name ends in -seg"
        )
    if head.nm != _N_COEFFICIENTS:
        raise ModelError(f"{path}: expected {_N_COEFFICIENTS} mask coefficients, got {head.nm}")
    model = model.float().eval().fuse(verbose=False).requires_grad_(requires_grad=False)
    return Network(
        module=_PredictionsAndPrototypes(model, head),
        head="end_to_end" if head.end2end else "anchor_free",
        classes=tuple(str(model.names[index]) for index in range(head.nc)),
        stride=int(model.stride.max()),
    )


class _PredictionsAndPrototypes(nn.Module):
    """An Ultralytics model that answers ``(predictions, prototypes)`` and nothing else."""

    def __init__(self, model: nn.Module, head: Any) -> None:
        super().__init__()
        self.model = model
        head.export = True  # decoded answers only, without the raw maps
        head.dynamic = True  # anchor points anew each time: any input size is right

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(b, 3, h, w)`` RGB in [0, 1] to predictions and prototypes, as ``Network`` says."""
        predictions, prototypes = self.model(x)
        return predictions, prototypes

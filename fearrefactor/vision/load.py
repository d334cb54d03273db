"""From a model file to a segmenter on the device that is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fearrefactor.errors import ModelError
from fearrefactor.vision.catalog import check_unchanged
from fearrefactor.vision.compiled import CpuSettings, Precision

if TYPE_CHECKING:
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.network import Network
    from fearrefactor.vision.quantized import QuantizedNetwork
    from fearrefactor.vision.segmenter import DetectSettings, Segmenter

Device = Literal["auto", "cpu", "cuda"]

#: What a machine with an NVIDIA driver has; asking torch instead costs 1.3 s and 540 MB.
_DRIVER_TRACES = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))


def load_segmenter(
    file: ModelFile,
    settings: DetectSettings,
    *,
    device: Device,
    threads: int,
    cache: Path,
    precision: Precision = "auto",
) -> Segmenter:
    """A segmenter for ``file``: torch on a GPU, OpenVINO on the CPU.

    ``auto`` takes a GPU where there is one; ``threads`` and ``cache`` matter on the CPU only.

    Raises:
        ModelError: the file is no model, or ``cuda`` is asked for and cannot be had.
    """
    if file.kind == "clip":
        raise ModelError(f"{file.name} is a {file.kind}, not a model")
    if file.kind != "segmenter" and device == "cuda":
        raise ModelError(f"model {file.name} runs on the CPU only; use device cpu or auto")
    cpu = CpuSettings(threads=threads, cache=cache, precision=precision)
    if file.kind == "faces":
        from fearrefactor.vision.centerface import CenterFace

        return CenterFace(file, settings, cpu)
    if file.kind == "segmenter" and device != "cpu" and _has_cuda(required=device == "cuda"):
        return _on_cuda(file, settings, precision)
    from fearrefactor.vision.openvino_runtime import OpenVinoSegmenter

    return OpenVinoSegmenter(file, partial(_network, file), settings, cpu)


def _has_cuda(*, required: bool) -> bool:
    if any(trace.exists() for trace in _DRIVER_TRACES):
        import torch

        if torch.cuda.is_available():
            return True
        why = f"torch {torch.__version__} cannot use the NVIDIA driver that is installed"
    else:
        why = "this machine has no NVIDIA driver"
    if required:
        raise ModelError(f"device cuda was asked for, but {why}; use device cpu or auto")
    return False


def _network(file: ModelFile) -> Network | QuantizedNetwork:
    if file.kind == "quantized":
        from fearrefactor.vision.quantized import load_quantized

        check_unchanged(file)
        return load_quantized(file.path)
    return _checkpoint(file)


def _checkpoint(file: ModelFile) -> Network:
    from fearrefactor.vision.checkpoint import load_network  # imports torch

    return load_network(file)


def _on_cuda(file: ModelFile, settings: DetectSettings, precision: Precision) -> Segmenter:
    import torch

    from fearrefactor.vision.device_calls import Graphs
    from fearrefactor.vision.torch_runtime import TorchSegmenter

    dtype = torch.float32 if precision == "f32" else torch.float16
    return TorchSegmenter(
        file, _checkpoint(file), settings, device="cuda", dtype=dtype, capture=Graphs()
    )

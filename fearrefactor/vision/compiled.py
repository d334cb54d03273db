"""Models compiled by OpenVINO for the CPU, one for each input size, kept on disk.

OpenVINO is fastest with fixed shapes, and a run meets few of them: the sizes of its videos. What
is built once on a machine is read by every later process, which then needs no torch.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import openvino as ov
from openvino.preprocess import PrePostProcessor

from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

Precision = Literal["auto", "f32"]

#: Raised when what is written into a cached model changes: its preprocessing, or a loader.
_FORMAT = 1
_MAX_COMPILED = 4


@dataclass(frozen=True, slots=True)
class CpuSettings:
    """How a model runs on the CPU; none of it but ``precision`` changes an answer.

    ``threads``: cores it may use; ``cache``: folder of compiled models; ``precision``: ``auto`` is
    bfloat16 where the CPU has it.
    """

    threads: int
    cache: Path
    precision: Precision = "auto"


class CompiledBySize:
    """Runs a model on single frames of any size; the least recently used sizes are dropped.

    ``key`` names the model on disk. ``build(height, width)`` gives it with a fixed input of
    ``(1, height, width, 3)`` uint8, and is called only where no process has built it before.
    ``cut`` makes two of it: the first answers to every frame, the second to those it is asked for,
    from the first's answers but one.
    """

    def __init__(
        self,
        key: str,
        build: Callable[[int, int], ov.Model],
        settings: CpuSettings,
        cut: Callable[[ov.Model], tuple[ov.Model, ...]] | None = None,
    ) -> None:
        self._key = key
        self._build = build
        self._cut = cut
        self._settings = settings
        self._core = ov.Core()
        self._requests: OrderedDict[tuple[int, int], list[Any]] = OrderedDict()

    def infer(self, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Answers to one ``(H, W, 3)`` frame, views that hold until the next call.

        One frame at a time, so that an answer does not depend on the frames beside it.

        Raises:
            ModelError: the model cannot be built or run for this size.
        """
        height, width = frame.shape[:2]
        with _explained(height, width):
            request, *_ = self._of_size(height, width)
            request.infer([np.ascontiguousarray(frame[None])], share_inputs=True)
        return [tensor.data for tensor in request.output_tensors]

    def infer_rest(self, height: int, width: int) -> list[NDArray[np.float32]]:
        """What the second model of a ``cut`` says of the frame that ``infer`` was given last.

        Raises:
            ModelError: it cannot be run. ``height`` and ``width`` are of that frame.
        """
        with _explained(height, width):
            _, rest = self._requests[height, width]
            rest.infer()
        return [tensor.data for tensor in rest.output_tensors]

    def _of_size(self, height: int, width: int) -> list[Any]:
        size = (height, width)
        if size not in self._requests:
            compiled = self._compile(height, width)
            requests = [model.create_infer_request() for model in compiled]
            for rest in requests[1:]:
                for number, tensor in enumerate(requests[0].output_tensors[1:]):
                    rest.set_input_tensor(number, tensor)  # one memory for both
            self._requests[size] = requests
            if len(self._requests) > _MAX_COMPILED:
                self._requests.popitem(last=False)
        self._requests.move_to_end(size)
        return self._requests[size]

    def _compile(self, height: int, width: int) -> list[Any]:
        # The lock covers OpenVINO's own cache too: it writes blobs in place, and maps them.
        path = cached_path(self._settings.cache, f"{self._key}-{height}x{width}", ".xml")
        with locked(path):
            if not path.exists():
                _save(self._build(height, width), path)
            properties = self._properties(path.parent)
            if self._cut is None:
                return [self._core.compile_model(str(path), "CPU", properties)]
            parts = self._cut(self._core.read_model(str(path)))
            return [self._core.compile_model(part, "CPU", properties) for part in parts]

    @property
    def runtime(self) -> str:
        """What computes it, and in which precision."""
        return f"openvino {self._precision()}"

    def _precision(self) -> str:
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return "bf16" if has_bf16 and self._settings.precision == "auto" else "f32"

    def _properties(self, folder: Path) -> dict[str, object]:
        return {
            "INFERENCE_PRECISION_HINT": self._precision(),
            "INFERENCE_NUM_THREADS": self._settings.threads,
            "NUM_STREAMS": 1,
            # pinned, the first thread of every worker on a machine would sit on the same core
            "ENABLE_CPU_PINNING": False,
            "CACHE_DIR": str(folder / "blobs"),
        }


def with_frames_as_input(model: ov.Model, height: int, width: int, scale: float) -> ov.Model:
    """The model, taking ``(1, height, width, 3)`` uint8 instead of NCHW floats over ``scale``."""
    model.reshape([1, 3, height, width])
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32)
    if scale != 1:
        steps.input().preprocess().scale(scale)
    return steps.build()


def cached_path(cache: Path, key: str, suffix: str) -> Path:
    """Where a cached model, or what is known of it, lies; its folder exists then.

    Raises:
        ModelError: the folder cannot be made.
    """
    folder = cache / "ir"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"expected a model cache that can be written, {folder}: {error}"
        ) from error
    version = ov.__version__.split("-")[0]
    return folder / f"{key}-{version}.{_FORMAT}{suffix}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside ``path``: one process of this machine builds, the others wait."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _save(model: ov.Model, path: Path) -> None:
    # the .xml comes last: who sees it finds the weights beside it
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder, path.name)
        ov.save_model(model, str(built), compress_to_fp16=False)
        built.with_suffix(".bin").replace(path.with_suffix(".bin"))
        built.replace(path)


@contextmanager
def _explained(height: int, width: int) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise ModelError(
            f"OpenVINO cannot run it on {width}×{height} input: {_last_line(error)}"
        ) from error


def _last_line(error: Exception) -> str:
    # the lines before it are where in OpenVINO's sources it happened
    return str(error).strip().splitlines()[-1]

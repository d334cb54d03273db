"""A network called with batches of few shapes, each captured once as a CUDA graph and replayed.

A small network is hundreds of kernels of a few microseconds each: one by one, Python launches them
more slowly than a GPU runs them. A graph launches them all at once, but for one shape only, on
tensors that stay where they are.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeAlias, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

_log = logging.getLogger(__name__)

Answers: TypeAlias = tuple[torch.Tensor, torch.Tensor]
_Function = TypeVar("_Function", bound="Callable[[torch.Tensor], Answers]")

#: Some sizes of batches for each of some sizes of videos. Captures take a tenth of a second or so.
_MAX_SHAPES: Final = 64
#: Lazy initialisations and choices of algorithms are over by then (torch's own advice is 3).
_WARM_UPS: Final = 3


class Forward:
    """A network on ``(n, H, W, 3)`` uint8 frames on its device.

    Its layers compute what depends on the shape of their input alone, as the centres of cells, for
    a new shape only: they do that on the host, which a graph cannot hold.
    """

    def __init__(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        # channels last: frames arrive as NHWC, and tensor cores want it
        self._module = module.to(device, dtype).to(memory_format=torch.channels_last)
        self._dtype = dtype
        layer: Any
        for layer in self._module.modules():
            if hasattr(layer, "dynamic"):  # Ultralytics' heads
                layer.dynamic = False

    def __call__(self, frames: torch.Tensor) -> Answers:
        """Predictions and prototypes, see ``Network``."""
        predictions, prototypes = self._module(frames.permute(0, 3, 1, 2).to(self._dtype).div_(255))
        return predictions, prototypes

    def made_for_shape(self) -> list[torch.Tensor]:
        """What its layers have made for the last shape, and will drop when they see another."""
        attributes = (value for layer in self._module.modules() for value in vars(layer).values())
        return [value for value in attributes if isinstance(value, torch.Tensor)]


class Captured(Protocol):
    """A function of one shape of input, on memory of its own."""

    def __call__(self, frames: torch.Tensor) -> Answers:
        """Answers to ``frames``, at most as many as it was captured for.

        They are of the full shape, and hold until the next call; what lies behind the answers to
        ``frames`` means nothing.
        """
        ...


class GraphCall:
    """A network recorded as a CUDA graph for inputs like ``frames``.

    ``pool`` is memory that graphs share of which one runs at a time, and whose answers have been
    read when the next one does.
    """

    def __init__(self, function: Forward, frames: torch.Tensor, pool: Any) -> None:
        self._frames = torch.zeros_like(frames)
        aside = torch.cuda.Stream(frames.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(frames.device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                function(self._frames)
        torch.cuda.current_stream(frames.device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Thread_local: other threads of this process decode and shrink meanwhile. A capture that
        # fails may leave its own stream behind as the thread's: the first line takes that back.
        with (
            torch.cuda.stream(torch.cuda.current_stream(frames.device)),
            torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"),
        ):
            self._answers = function(self._frames)
        self._read = function.made_for_shape()  # a graph knows addresses, and owns nothing

    def __call__(self, frames: torch.Tensor) -> Answers:
        """See ``Captured``."""
        self._frames[: len(frames)].copy_(frames, non_blocking=True)
        self._graph.replay()
        return self._answers


class Graphs:
    """Captures calls as graphs, all in one pool."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, function: Forward, frames: torch.Tensor) -> GraphCall:
        """The graph for inputs like ``frames``."""
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        return GraphCall(function, frames, self._pool)


class CallsByShape(Generic[_Function]):
    """Calls ``function`` through what ``capture`` makes of it for each shape.

    Batches are padded to the next power of two, and the least recently used shapes are dropped.
    Where a capture fails, all later calls are direct ones, and ``failure`` says why.
    """

    def __init__(
        self,
        function: _Function,
        capture: Callable[[_Function, torch.Tensor], Captured],
    ) -> None:
        self._function = function
        self._capture = capture
        self._calls: OrderedDict[tuple[int, ...], Captured] = OrderedDict()
        self.failure = ""

    def __call__(self, frames: torch.Tensor) -> Answers:
        """Answers to ``(n, …)`` frames on the device; they hold until the next call."""
        n_frames = len(frames)
        call = None if self.failure else self._call(frames)
        if call is None:
            return self._function(frames)
        predictions, prototypes = call(frames)
        return predictions[:n_frames], prototypes[:n_frames]

    def _call(self, frames: torch.Tensor) -> Captured | None:
        shape = (1 << (len(frames) - 1).bit_length(), *frames.shape[1:])
        if shape not in self._calls:
            try:
                self._calls[shape] = self._capture(self._function, frames.new_zeros(shape))
            except RuntimeError as error:
                self.failure = str(error).strip().partition("\n")[0]
                self._calls.clear()
                _log.warning("the model runs without CUDA graphs: %s", self.failure)
                return None
            if len(self._calls) > _MAX_SHAPES:
                self._calls.popitem(last=False)
        self._calls.move_to_end(shape)
        return self._calls[shape]

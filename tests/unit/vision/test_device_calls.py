from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lamps
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fearrefactor.vision.device_calls import CallsByShape, Forward
from fearrefactor.vision.segmenter import DetectSettings
from fearrefactor.vision.torch_runtime import TorchSegmenter
from fearrefactor.vision.ultralytics_checkpoint import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.vision.device_calls import Answers

    Function = Callable[[torch.Tensor], Answers]


class OwnMemory:
    """Stands in for a graph: one shape, and buffers of its own that each call writes anew."""

    def __init__(self, function: Function, frames: torch.Tensor) -> None:
        self._function = function
        self._frames = torch.zeros_like(frames)
        self._answers = function(self._frames)

    def __call__(self, frames: torch.Tensor) -> Answers:
        self._frames[: len(frames)].copy_(frames)
        for kept, new in zip(self._answers, self._function(self._frames), strict=True):
            kept.copy_(new)
        return self._answers


def doubled(frames: torch.Tensor) -> Answers:
    return frames * 2, frames.float() + 1


class Counting:
    """Captures, and remembers which shapes; fails from the ``n_good``-th on."""

    def __init__(self, n_good: int = 1000) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.n_good = n_good

    def __call__(self, function: Function, frames: torch.Tensor) -> OwnMemory:
        if len(self.shapes) == self.n_good:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        self.shapes.append(tuple(frames.shape))
        return OwnMemory(function, frames)


def pictures(n: int, height: int = 2) -> torch.Tensor:
    return torch.arange(n * height, dtype=torch.uint8).view(n, height)


def test_batches_are_padded_to_powers_of_two_and_answers_are_not() -> None:
    capture = Counting()
    calls = CallsByShape(doubled, capture)

    for n in (1, 3, 4, 5, 8, 2, 7):
        predictions, prototypes = calls(pictures(n))
        assert torch.equal(predictions, pictures(n) * 2)
        assert torch.equal(prototypes, pictures(n).float() + 1)

    assert capture.shapes == [(1, 2), (4, 2), (8, 2), (2, 2)]


def test_the_least_recently_used_shape_is_captured_anew() -> None:
    capture = Counting()
    calls = CallsByShape(doubled, capture)

    for height in (*range(1, 65), 1, 65, 1, 2):
        calls(pictures(1, height))

    assert [shape[1] for shape in capture.shapes] == [*range(1, 65), 65, 2]


def test_after_a_capture_that_failed_all_calls_are_direct_and_it_says_why() -> None:
    capture = Counting(n_good=1)
    calls = CallsByShape(doubled, capture)

    for n in (2, 4, 2):
        assert torch.equal(calls(pictures(n))[0], pictures(n) * 2)

    assert calls.failure == "operation not permitted when stream is capturing"
    assert capture.shapes == [(2, 2)]


def test_a_captured_network_answers_as_the_network_itself_and_its_card_tells() -> None:
    def segmenter(capture: Counting | None) -> TorchSegmenter:
        return TorchSegmenter(
            lamps.model_file("anchors"),
            lamps.network("anchors"),
            DetectSettings(long_side=160),
            device="cpu",
            dtype=torch.float32,
            capture=capture,
        )

    scenes = np.stack([lamps.frame(("red", 20 + 8 * i, 12)) for i in range(3)])
    direct, captured, failing = segmenter(None), segmenter(Counting()), segmenter(Counting(0))

    for n in (3, 1, 2):
        for one, other, third in zip(
            *(model.segment(scenes[:n]) for model in (direct, captured, failing)), strict=True
        ):
            np.testing.assert_array_equal(one.boxes, other.boxes)
            np.testing.assert_array_equal(one.masks, other.masks)
            np.testing.assert_array_equal(one.masks, third.masks)

    assert direct.card.runtime == "torch cpu float32"
    assert captured.card.runtime == "torch cpu float32 graphs"
    assert failing.card.runtime == "torch cpu float32"


def test_frames_may_be_on_the_device_already() -> None:
    model = TorchSegmenter(
        lamps.model_file("anchors"),
        lamps.network("anchors"),
        DetectSettings(long_side=160),
        device="cpu",
        dtype=torch.float32,
    )
    scenes = lamps.frame(("red", 20, 12))[None]

    [seen] = model.segment(torch.from_numpy(scenes))

    np.testing.assert_array_equal(seen.boxes, [[20, 12, 52, 44]])


class HostWork(TorchDispatchMode):
    """Notes what a CUDA graph cannot hold: values read by the host, copies from or to it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        tensors = [
            leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)
        ]
        reads = any(word in str(func) for word in ("_local_scalar_dense", "nonzero"))
        # a number on the host goes with the launch of a kernel
        if reads or len({tensor.device for tensor in tensors if tensor.dim()}) > 1:
            self.found.append(str(func))
        return out


@pytest.mark.parametrize("name", ["26/yolo26-seg", "11/yolo11-seg"])
def test_a_network_that_has_seen_a_shape_needs_nothing_of_the_host(
    name: str, tmp_path: Path
) -> None:
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    described = Path(spec.origin).parent / "cfg" / "models" / f"{name}.yaml"
    path = tmp_path / f"{described.stem.replace('-seg', 'n-seg')}.yaml"
    path.write_text(described.read_text())
    network = build(path, path.stem)
    frames = torch.zeros((2, 64, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        forward = Forward(network.module, torch.device("cpu"), torch.float32)
        forward(frames)
        made = [id(tensor) for tensor in forward.made_for_shape()]
        forward(frames)
        kept = [id(tensor) for tensor in forward.made_for_shape()]
        forward(frames[:1])
        # without memory, as a stand-in for a device
        away = Forward(network.module, torch.device("meta"), torch.float32)
        there = frames[:1].to("meta")
        with HostWork() as work:
            away(there)

    assert made == kept
    assert made != [id(tensor) for tensor in forward.made_for_shape()]
    assert work.found == []

from __future__ import annotations

from typing import TYPE_CHECKING

import lamps
import numpy as np
import torch

from fearrefactor.vision.device_calls import CallsByShape
from fearrefactor.vision.segmenter import DetectSettings
from fearrefactor.vision.torch_runtime import TorchSegmenter

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
        torch.testing.assert_close(predictions, pictures(n) * 2)
        torch.testing.assert_close(prototypes, pictures(n).float() + 1)

    assert capture.shapes == [(1, 2), (4, 2), (8, 2), (2, 2)]


def test_the_least_recently_used_shape_is_captured_anew() -> None:
    capture = Counting()
    calls = CallsByShape(doubled, capture)

    for height in (*range(1, 9), 1, 9, 1, 2):
        calls(pictures(1, height))

    assert [shape[1] for shape in capture.shapes] == [*range(1, 9), 9, 2]


def test_after_a_capture_that_failed_all_calls_are_direct_and_it_says_why() -> None:
    capture = Counting(n_good=1)
    calls = CallsByShape(doubled, capture)

    for n in (2, 4, 2):
        torch.testing.assert_close(calls(pictures(n))[0], pictures(n) * 2)

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

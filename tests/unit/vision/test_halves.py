from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from fearrefactor.vision.compiled import CompiledBySize, CpuSettings
from fearrefactor.vision.halves import halves

if TYPE_CHECKING:
    from pathlib import Path

FRAME = np.random.default_rng(4).integers(0, 255, (4, 6, 3), np.uint8)


def network(height: int, width: int, *, is_shared: bool = False) -> ov.Model:
    """Predictions from one feature; prototypes from that and another, which no prediction needs.

    With ``is_shared`` the same scale, a constant, serves both.
    """
    frame = ops.parameter([1, height, width, 3], ov.Type.u8)
    scale = ops.constant(np.float32(0.5))
    feature = ops.multiply(ops.convert(frame, ov.Type.f32), scale)
    second = ops.sqrt(feature)
    own = scale if is_shared else ops.constant(np.float32(3))
    predictions = ops.reduce_sum(ops.add(second, own), ops.constant([1, 2]))
    prototypes = ops.multiply(ops.add(feature, second), own)
    return ov.Model([predictions, prototypes], [frame])


def run(model: ov.Model, *inputs: np.ndarray) -> list[np.ndarray]:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(compiled(list(inputs)).values())


@pytest.mark.parametrize("is_shared", [False, True])
def test_two_halves_answer_what_the_whole_network_answers(*, is_shared: bool) -> None:
    whole = network(4, 6, is_shared=is_shared)
    first, second = halves(whole)
    predictions, *between = run(first, FRAME[None])
    (prototypes,) = run(second, *between)
    expected = run(whole, FRAME[None])
    np.testing.assert_array_equal(predictions, expected[0])
    np.testing.assert_array_equal(prototypes, expected[1])


def test_the_second_half_does_nothing_that_the_first_has_done() -> None:
    first, second = halves(network(4, 6))
    kinds = [[node.get_type_name() for node in half.get_ordered_ops()] for half in (first, second)]
    assert [kind.count("Sqrt") for kind in kinds] == [1, 0]
    assert [kind.count("Parameter") for kind in kinds] == [1, 2]
    assert [kind.count("Constant") for kind in kinds] == [3, 1]


def test_the_rest_is_that_of_the_last_frame_even_when_sizes_take_turns(tmp_path: Path) -> None:
    cut = CompiledBySize("cut", network, CpuSettings(1, tmp_path, "f32"), halves)
    whole = CompiledBySize("cut", network, CpuSettings(1, tmp_path, "f32"))
    for seed, height in enumerate([4, 8, 4, 8]):
        frame = np.random.default_rng(seed).integers(0, 255, (height, 6, 3), np.uint8)
        predictions = cut.infer(frame)[0].copy()
        (prototypes,) = cut.infer_rest(height, 6)
        expected = whole.infer(frame)
        np.testing.assert_array_equal(predictions, expected[0])
        np.testing.assert_array_equal(prototypes, expected[1])

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from random_network import save_random_network

from fearrefactor.errors import ModelError
from fearrefactor.vision.catalog import resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.quantize import PictureCollector, last_layers, quantize
from fearrefactor.vision.quantized import (
    QuantizedFacts,
    load_quantized,
    read_facts,
    write_quantized,
)
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

FACTS = QuantizedFacts(
    name="toy-int8",
    licence="none",
    target="",
    head="end_to_end",
    classes=("cat", "dog"),
    made_from="ab" * 32,
    calibrated_on="cd" * 32,
    n_pictures=2,
)


def toy() -> ov.Model:
    """Three convolutions in a row: the second answers too; the input's height is an answer."""
    picture = ops.parameter([1, 3, -1, -1], np.float32, name="picture")
    weights = ops.constant(np.full((32, 3, 1, 1), 0.01, np.float32))
    more = ops.constant(np.full((32, 32, 1, 1), 0.01, np.float32))
    plain = ([1, 1], [0, 0], [0, 0], [1, 1])
    first = ops.convolution(picture, weights, *plain, name="first")
    second = ops.convolution(ops.relu(first), more, *plain, name="second")
    third = ops.convolution(ops.relu(second), more, *plain, name="third")
    answer = ops.sigmoid(third, name="answer")
    prototypes = ops.tanh(second, name="prototypes")
    return ov.Model([answer, prototypes], [picture], "toy")


def written(path: Path, facts: QuantizedFacts = FACTS) -> Path:
    network = path.with_name("toy.xml")
    ov.save_model(toy(), str(network), compress_to_fp16=False)
    weights = network.with_suffix(".bin").read_bytes()
    write_quantized(path, facts, network.read_bytes(), weights)
    return path


def test_a_quantised_model_is_a_model_file_like_any_other(tmp_path: Path) -> None:
    file = resolve(str(written(tmp_path / "toy.int8")), tmp_path)
    assert (file.name, file.kind, file.classes) == ("toy-int8", "quantized", ("cat", "dog"))
    assert load_quantized(file.path).facts == FACTS
    segmenter = load_segmenter(
        file, DetectSettings(), device="auto", threads=1, cache=tmp_path / "cache"
    )
    assert segmenter.card.sha256 == file.sha256
    assert segmenter.card.runtime.endswith(", int8")


def test_the_same_network_and_pictures_give_the_same_file_and_other_pictures_another(
    tmp_path: Path,
) -> None:
    one, same, other = (tmp_path / f"{name}.int8" for name in ("one", "same", "other"))
    for path, calibrated_on in ((one, "cd"), (same, "cd"), (other, "ef")):
        facts = FACTS.model_copy(update={"calibrated_on": calibrated_on * 32})
        write_quantized(path, facts, b"network", b"weights")
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_a_quantised_model_that_changed_since_it_was_resolved_is_not_loaded(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "toy.int8")
    file = resolve(str(path), tmp_path)
    written(path, FACTS.model_copy(update={"n_pictures": 3}))
    with pytest.raises(ModelError, match="changed since it was resolved"):
        load_segmenter(file, DetectSettings(), device="cpu", threads=1, cache=tmp_path / "cache")


def test_a_quantised_model_is_not_for_a_gpu(tmp_path: Path) -> None:
    file = resolve(str(written(tmp_path / "toy.int8")), tmp_path)
    with pytest.raises(ModelError, match="runs on the CPU only"):
        load_segmenter(file, DetectSettings(), device="cuda", threads=1, cache=tmp_path)


def test_what_is_no_quantised_model_is_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "text.int8"
    text.write_text("weights")
    with pytest.raises(ModelError, match=r"text.int8 is not a quantised model"):
        read_facts(text)
    with zipfile.ZipFile(tmp_path / "other.int8", "w") as archive:
        archive.writestr("weights.bin", b"1")
    with pytest.raises(ModelError, match=r"expected facts.json, network.xml, network.bin"):
        read_facts(tmp_path / "other.int8")


def test_the_layers_that_answer_are_those_that_keep_their_precision() -> None:
    kept = last_layers(toy())
    assert {"second", "third", "answer", "prototypes"} <= set(kept)
    assert "first" not in kept


def test_pictures_for_a_calibration_are_spread_over_all_that_was_shown() -> None:
    collector = PictureCollector(640)
    shown = np.zeros((10, 32, 64, 3), np.uint8)
    for start in range(0, 1000, 10):
        shown[:] = (np.arange(start, start + 10) // 4)[:, None, None, None]
        answers = collector.segment(shown)
        assert [len(answer.scores) for answer in answers] == [0] * 10
    kept = [int(picture[0, 0, 0]) for picture in collector.pictures]
    assert 64 <= len(kept) <= 128
    assert (kept[0], kept) == (0, sorted(kept))
    assert kept[-1] >= 240


def test_only_a_checkpoint_is_quantised(tmp_path: Path) -> None:
    file = resolve(str(written(tmp_path / "toy.int8")), tmp_path)
    picture = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ModelError, match="is no checkpoint"):
        quantize(file, [picture], tmp_path / "again.int8")


@pytest.mark.slow
def test_a_network_is_quantised_but_for_the_layers_that_answer(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="the extra int8 is not installed")
    save_random_network(tmp_path / "tiny.pt")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(3)]
    quantize(resolve(str(tmp_path / "tiny.pt"), tmp_path), pictures, tmp_path / "tiny.int8")

    made = load_quantized(tmp_path / "tiny.int8")
    layers = [op for op in made.network.get_ops() if op.get_type_name() == "Convolution"]
    in_int8 = {op.get_friendly_name(): _is_in_int8(op) for op in layers}
    kept = {name for name in last_layers(made.network) if name in in_int8}
    assert len(kept) >= 4
    assert not any(in_int8[name] for name in kept)
    assert sum(in_int8.values()) > len(in_int8) / 2

    file = resolve(str(tmp_path / "tiny.int8"), tmp_path)
    segmenter = load_segmenter(
        file, DetectSettings(), device="cpu", threads=1, cache=tmp_path / "cache"
    )
    for height, width in ((64, 96), (128, 64)):
        (seen,) = segmenter.segment(np.zeros((1, height, width, 3), np.uint8))
        assert seen.masks.shape[1:] == (height // 4, width // 4)


def _is_in_int8(layer: ov.Node) -> bool:
    return layer.input(0).get_source_output().get_node().get_type_name() == "FakeQuantize"

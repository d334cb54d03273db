from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import lamps
import numpy as np
import openvino as ov
import pytest
import torch
from openvino import opset13 as opset
from torch import nn

from fearrefactor.errors import ModelError
from fearrefactor.vision.compiled import CompiledBySize, CpuSettings, with_frames_as_input
from fearrefactor.vision.openvino_runtime import OpenVinoSegmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fearrefactor.core.detections import Instances
    from fearrefactor.vision.compiled import Precision
    from fearrefactor.vision.network import Network

SCENE = lamps.frame(("red", 20, 12), ("blue", 100, 44))[None]


def segmenter(cache: Path, load: Callable[[], Network]) -> OpenVinoSegmenter:
    cpu = CpuSettings(threads=1, cache=cache, precision="f32")
    return OpenVinoSegmenter(lamps.model_file("anchors"), load, DetectSettings(), cpu)


def lamp_network() -> Network:
    return lamps.network("anchors")


def never() -> Network:
    raise AssertionError("the network was loaded although it is in the cache")


def assert_same(one: Instances, other: Instances) -> None:
    for ours, theirs in (
        (one.boxes, other.boxes),
        (one.scores, other.scores),
        (one.class_ids, other.class_ids),
        (one.masks, other.masks),
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_in_the_cache_is_not_loaded_again(tmp_path: Path) -> None:
    first = segmenter(tmp_path, lamp_network).segment(SCENE)[0]
    again = segmenter(tmp_path, never)

    assert again.card.classes == lamps.CLASSES
    assert_same(again.segment(SCENE)[0], first)


def test_a_process_that_finds_the_model_in_the_cache_never_imports_torch(tmp_path: Path) -> None:
    segmenter(tmp_path, lamp_network).segment(SCENE)
    script = f"""
        import sys
        from pathlib import Path
        import numpy as np
        from fearrefactor.vision.catalog import ModelFile
        from fearrefactor.vision.load import load_segmenter
        from fearrefactor.vision.segmenter import DetectSettings

        file = ModelFile("lamps", Path("gone.pt"), {lamps.model_file("anchors").sha256!r}, "", "segmenter", ())
        found = load_segmenter(
            file, DetectSettings(), device="cpu", threads=1, cache=Path({str(tmp_path)!r})
        ).segment(np.zeros((1, 96, 160, 3), np.uint8))
        print(found[0].masks.shape, "torch" in sys.modules, "ultralytics" in sys.modules)
    """  # noqa: E501 - a line of the script

    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "(0, 24, 40) False False"


def test_the_network_is_loaded_once_for_all_sizes(tmp_path: Path) -> None:
    n_loads: list[None] = []

    def load() -> Network:
        n_loads.append(None)
        return lamp_network()

    here = segmenter(tmp_path, load)
    for height in (32, 64):
        here.segment(np.zeros((1, height, 64, 3), np.uint8))

    assert len(n_loads) == 1


def test_more_sizes_than_are_kept_in_memory_all_answer(tmp_path: Path) -> None:
    n_built: list[None] = []

    def brightness(height: int, width: int) -> ov.Model:
        n_built.append(None)
        picture = opset.parameter([1, 3, height, width], np.float32)
        model = ov.Model([opset.reduce_mean(picture, np.array([1]))], [picture])
        return with_frames_as_input(model, height, width, scale=255)

    compiled = CompiledBySize("brightness", brightness, CpuSettings(1, tmp_path, "f32"))
    for height in (64, 96, 128, 160, 192, 64):
        [answer] = compiled.infer(np.full((height, 32, 3), 51, np.uint8))
        assert answer.shape == (1, height, 32)
        np.testing.assert_allclose(answer, 0.2, atol=1e-6)

    assert len(compiled._requests) == 4
    assert len(n_built) == 5


def test_two_that_build_at_once_answer_alike_and_leave_nothing_half_written(
    tmp_path: Path,
) -> None:
    answers: list[Instances] = []

    def run() -> None:
        answers.extend(segmenter(tmp_path, lamp_network).segment(SCENE))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert_same(*answers)
    kinds = {path.suffix for path in (tmp_path / "ir").iterdir()}
    assert kinds == {".xml", ".bin", ".json", ".lock", ""}
    assert [path.name for path in (tmp_path / "ir").iterdir() if path.is_dir()] == ["blobs"]


def test_a_blob_that_was_cut_short_is_compiled_again(tmp_path: Path) -> None:
    expected = segmenter(tmp_path, lamp_network).segment(SCENE)[0]
    blobs = list((tmp_path / "ir" / "blobs").iterdir())
    assert blobs
    for blob in blobs:
        content = blob.read_bytes()
        blob.unlink()
        blob.write_bytes(content[: len(content) // 2])

    assert_same(segmenter(tmp_path, never).segment(SCENE)[0], expected)


def test_facts_that_cannot_be_read_are_taken_from_the_network_again(tmp_path: Path) -> None:
    segmenter(tmp_path, lamp_network)
    [facts] = (tmp_path / "ir").glob("*.json")
    facts.write_text('{"sha256": "')

    assert segmenter(tmp_path, lamp_network).card.classes == lamps.CLASSES
    assert segmenter(tmp_path, never).card.classes == lamps.CLASSES


def test_a_model_that_cannot_be_compiled_is_an_error_that_names_it(tmp_path: Path) -> None:
    segmenter(tmp_path, lamp_network).segment(SCENE)
    for path in (tmp_path / "ir").glob("*.xml"):
        path.write_text("<net/>")
    with pytest.raises(ModelError, match=r"model lamps-anchors: OpenVINO cannot run it on 160×96"):
        segmenter(tmp_path, never).segment(SCENE)


def test_a_cache_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ModelError, match=r"expected a model cache that can be written, .*file/ir"):
        segmenter(blocked, lamp_network)


class Deep(nn.Module):
    """Enough convolutions that the order of summation would show."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = (3, 32, 64, 64, 128, 32)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 1 + (i < 2), 1), nn.SiLU())
                for i, (a, b) in enumerate(pairwise(widths))
            )
        )

    def forward(self, x: torch.Tensor) -> Any:
        return self.layers(x)


def deep_answer(cache: Path, threads: int, precision: Precision) -> bytes:
    def build(height: int, width: int) -> ov.Model:
        model = ov.convert_model(Deep().eval(), example_input=torch.zeros(1, 3, height, width))
        return with_frames_as_input(model, height, width, scale=255)

    settings = CpuSettings(threads=threads, cache=cache, precision=precision)
    picture = np.random.default_rng(0).integers(0, 256, (192, 320, 3)).astype(np.uint8)
    [answer] = CompiledBySize("deep", build, settings).infer(picture)
    assert answer.shape == (1, 32, 48, 80)
    assert answer.std() > 0
    return answer.tobytes()


@pytest.mark.parametrize("precision", ["auto", "f32"])
def test_the_number_of_threads_does_not_change_a_bit(tmp_path: Path, precision: Precision) -> None:
    assert deep_answer(tmp_path, 1, precision) == deep_answer(tmp_path, 2, precision)


def test_f32_is_what_was_asked_for_even_where_the_cpu_has_bfloat16(tmp_path: Path) -> None:
    if "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16, both settings are the same")
    fast, exact = (
        np.frombuffer(deep_answer(tmp_path, 1, precision), np.float32)
        for precision in ("auto", "f32")
    )
    picture = np.random.default_rng(0).integers(0, 256, (192, 320, 3)).astype(np.uint8)
    with torch.no_grad():
        torchs = Deep().eval()(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)

    expected = torchs.numpy().ravel()
    error = np.abs(exact - expected).max() / np.abs(expected).max()
    assert error < 1e-5
    assert np.abs(fast - expected).max() / np.abs(expected).max() > 50 * error

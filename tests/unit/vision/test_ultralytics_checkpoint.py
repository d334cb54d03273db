"""Ultralytics models, built here with random weights, saved and restored."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest
import torch
import yaml

from fearrefactor.errors import ModelError
from fearrefactor.vision import catalog, ultralytics_checkpoint
from fearrefactor.vision.checkpoint import load_network
from fearrefactor.vision.ultralytics_package import quiet_import

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.vision.network import Network

FAMILIES = ["yolov8", "yolo11", "yolo26"]
_FOLDER = {"yolov8": "v8", "yolo11": "11", "yolo26": "26"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small networks on a busy machine run ten times longer with a thread per core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def description(family: str, task: str = "-seg", n_classes: int = 5) -> dict[str, Any]:
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "cfg" / "models" / _FOLDER[family]
    made: dict[str, Any] = yaml.safe_load((folder / f"{family}{task}.yaml").read_text("utf-8"))
    return made | {"nc": n_classes, "scale": "n"}


def built(family: str, **changes: Any) -> Any:
    """A model as Ultralytics makes it, in eval mode, with the settings that training leaves."""
    with quiet_import():
        from ultralytics.nn.tasks import SegmentationModel
        from ultralytics.utils import DEFAULT_CFG
    torch.manual_seed(7)
    model = SegmentationModel(description(family) | changes, verbose=False)
    model.args = DEFAULT_CFG
    return model.eval()


def save(model: Any, path: Path, **more: Any) -> Path:
    torch.save({"model": model, "ema": None, "best_fitness": np.float64(0.5)} | more, path)
    return path


def loaded(path: Path) -> Network:
    return load_network(catalog.resolve(str(path), path.parent))


def run(network: Network, picture: torch.Tensor) -> list[torch.Tensor]:
    with torch.inference_mode():
        return list(network.module(picture))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fused", [False, True])
def test_a_restored_checkpoint_answers_as_the_model_that_was_saved(
    family: str, *, fused: bool, tmp_path: Path
) -> None:
    model = built(family)
    if fused:
        model.fuse(verbose=False)
    network = loaded(save(model, tmp_path / "saved.pt", save_dir=tmp_path))
    picture = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        expected = model(picture)[0]
    assert network.head == "anchor_free"
    for ours, theirs in zip(run(network, picture), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_half_precision_weights_come_back_as_single_precision(tmp_path: Path) -> None:
    network = loaded(save(built("yolo26").half(), tmp_path / "half.pt"))
    assert {value.dtype for value in network.module.parameters()} == {torch.float32}


@pytest.mark.parametrize("fused", [False, True])
def test_a_model_that_asks_for_its_end_to_end_head_gets_it(*, fused: bool, tmp_path: Path) -> None:
    model = built("yolo26")
    model.end2end = True
    if fused:
        model.fuse(verbose=False)
    network = loaded(save(model, tmp_path / "saved.pt"))
    picture = torch.rand(2, 3, 96, 160)
    predictions, prototypes = run(network, picture)
    with torch.inference_mode():
        expected = model(picture)[0]
    assert network.head == "end_to_end"
    assert predictions.shape == (2, 300, 6 + 32)
    assert prototypes.shape == (2, 32, 24, 40)
    assert {int(value) for value in predictions[..., 5].flatten()} <= set(range(5))
    torch.testing.assert_close(predictions[..., 4], expected[0][..., 4], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_input_size_gets_its_own_anchor_points(family: str, tmp_path: Path) -> None:
    model = built(family)
    network = loaded(save(model, tmp_path / "saved.pt"))
    fresh = loaded(tmp_path / "saved.pt")
    large, tall = torch.rand(1, 3, 96, 160), torch.rand(1, 3, 160, 96)
    run(network, large)
    for ours, theirs in zip(run(network, tall), run(fresh, tall), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "end_to_end"), [("yolov8", False), ("yolo26", True)])
def test_openvino_traces_the_same_module_at_one_size_after_another(
    family: str, *, end_to_end: bool, tmp_path: Path
) -> None:
    model = built(family)
    model.end2end = end_to_end
    network = loaded(save(model, tmp_path / "saved.pt"))
    for height, width in ((64, 96), (96, 64)):
        example: Any = torch.zeros(1, 3, height, width)
        traced = ov.convert_model(network.module, example_input=example)
        traced.reshape([1, 3, height, width])
        compiled = ov.compile_model(traced, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        picture = torch.rand(1, 3, height, width)
        theirs = compiled([picture.numpy()])
        for index, ours in enumerate(run(network, picture)):
            ranked = end_to_end and index == 0  # near ties may change places: compare their scores
            values = slice(4, 5) if ranked else slice(None)
            got = torch.from_numpy(theirs[index])[..., values]
            torch.testing.assert_close(got, ours[..., values], atol=1e-2, rtol=1e-3)


def test_a_description_gives_the_same_random_weights_each_time(tmp_path: Path) -> None:
    path = tmp_path / "yolo11n-seg.yaml"
    path.write_text(yaml.safe_dump({**description("yolo11"), "scale": None}), "utf-8")
    picture = torch.rand(1, 3, 64, 64)
    torch.manual_seed(1)
    first = run(loaded(path), picture)
    torch.manual_seed(2)
    second = run(loaded(path), picture)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_name_of_a_description_says_its_scale(tmp_path: Path) -> None:
    made = description("yolo11")
    del made["scale"]
    sizes = []
    for scale in "ns":
        path = tmp_path / f"yolo11{scale}-seg.yaml"
        path.write_text(yaml.safe_dump(made), "utf-8")
        network = ultralytics_checkpoint.build(path, path.stem)
        sizes.append(sum(value.numel() for value in network.module.parameters()))
    assert sizes[1] > 3 * sizes[0]


def test_class_names_come_from_the_checkpoint(tmp_path: Path) -> None:
    model = built("yolo26")
    model.names = {4: "e", 3: "d", 2: "c", 1: "b", 0: "a"}
    assert loaded(save(model, tmp_path / "saved.pt")).classes == ("a", "b", "c", "d", "e")


class RunsOnLoad:
    """Pickles into a call of whatever it is given."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run_it(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    source = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    path = save(built("yolo26"), tmp_path / "evil.pt", extra=RunsOnLoad(exec, source))
    with pytest.raises(ModelError, match=r"asks to run builtins\.exec"):
        loaded(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)  # it does run where nobody looks
    assert marker.exists()


def test_a_constructor_of_ultralytics_that_evaluates_strings_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    made = description("yolo26")
    made["activation"] = (
        f"(__import__('pathlib').Path({str(marker)!r}).touch(), torch.nn.SiLU())[1]"
    )
    with quiet_import():
        from ultralytics.nn.tasks import SegmentationModel
    # its own switch is set for good by whoever imports it first: here it would evaluate
    monkeypatch.setattr("ultralytics.nn.tasks.SAFE_LOAD", False)
    path = tmp_path / "evil.pt"
    torch.save({"model": RunsOnLoad(SegmentationModel, made)}, path)
    with pytest.raises(ModelError, match=r"evil\.pt"):
        loaded(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_function_of_ultralytics_that_loads_further_files_is_refused(tmp_path: Path) -> None:
    with quiet_import():
        from ultralytics.nn.tasks import load_checkpoint
    path = tmp_path / "evil.pt"
    torch.save({"model": RunsOnLoad(load_checkpoint, "other.pt")}, path)
    with pytest.raises(ModelError, match=r"ultralytics\.nn\.tasks\.load_checkpoint"):
        loaded(path)


def test_an_attribute_other_than_forward_is_refused_by_name(tmp_path: Path) -> None:
    with quiet_import():
        from ultralytics.nn.modules import Conv
    path = tmp_path / "evil.pt"
    torch.save({"model": RunsOnLoad(getattr, Conv, "__init__")}, path)
    with pytest.raises(ModelError, match=r"evil\.pt could not be loaded: asks for .*'__init__'"):
        loaded(path)


def test_a_detection_model_is_refused_as_one_without_masks(tmp_path: Path) -> None:
    with quiet_import():
        from ultralytics.nn.tasks import DetectionModel
    model = DetectionModel(description("yolo26", task=""), verbose=False)
    with pytest.raises(ModelError, match="DetectionModel, not a segmentation model"):
        loaded(save(model, tmp_path / "boxes.pt"))


def test_a_description_of_a_model_without_masks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "yolo26n.yaml"
    path.write_text(yaml.safe_dump(description("yolo26", task="")), "utf-8")
    with pytest.raises(ModelError, match="not a segmentation model"):
        loaded(path)


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "__import__('pathlib').Path({marker!r}).touch()"},
        {"backbone": [[-1, 1, "torch_safe_load", ["{pickle}"]]]},
    ],
)
def test_a_description_that_would_run_code_is_refused_and_does_not_run_it(
    change: dict[str, Any], tmp_path: Path
) -> None:
    """In a process of its own: only the first import of Ultralytics can be told to be careful."""
    marker, other = str(tmp_path / "marker"), str(tmp_path / "other.pt")
    torch.save(RunsOnLoad(exec, f"__import__('pathlib').Path({marker!r}).touch()"), other)
    text = json.dumps(description("yolo26") | change)
    text = text.replace("{marker!r}", repr(marker)).replace("{pickle}", other)
    path = tmp_path / "yolo26n-seg.yaml"
    path.write_text(text, "utf-8")
    script = (
        "import pathlib\n"
        "from fearrefactor.errors import ModelError\n"
        "from fearrefactor.vision.ultralytics_checkpoint import build\n"
        "try:\n"
        f"    build(pathlib.Path({str(path)!r}), 'yolo26n-seg')\n"
        "except ModelError as error:\n"
        "    print('refused', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused")
    assert not Path(marker).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a PyTorch checkpoint"), (b"PK\x03\x04 and no more", "not a PyTorch checkpoint")],
)
def test_a_file_that_is_no_checkpoint_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        loaded(path)


def test_a_checkpoint_cut_short_is_refused(tmp_path: Path) -> None:
    path = save(built("yolo26"), tmp_path / "cut.pt")
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(ModelError, match=r"cut\.pt"):
        loaded(path)


def test_a_state_dict_without_a_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(built("yolo26").state_dict(), path)
    with pytest.raises(ModelError, match="expected a model under 'model' or 'ema'"):
        loaded(path)


def test_a_file_that_changed_since_it_was_resolved_is_not_loaded(tmp_path: Path) -> None:
    path = save(built("yolo26"), tmp_path / "saved.pt")
    file = catalog.resolve(str(path), tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="changed since it was resolved"):
        load_network(file)


def test_importing_ultralytics_leaves_the_environment_as_it_was() -> None:
    import os

    before = dict(os.environ)
    with quiet_import():
        import ultralytics  # noqa: F401

        os.environ["OMP_NUM_THREADS"] = "99"
    assert dict(os.environ) == before

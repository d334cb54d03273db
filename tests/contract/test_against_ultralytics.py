"""Our boxes and masks against Ultralytics' own predictor, on the same weights.

Both get the same letterboxed input; where a picture sits in it is ours to choose. Masks meet at
the prototypes' resolution, a cell for 4 × 4 pixels, as Ultralytics' ``process_mask`` gives them
when it does not scale up. There, its crop drops a cell that the box only touches at the left and
the top and keeps it at the right and the bottom; ours keeps all of them. So its function is given
boxes that end where cells do. The predictor as it is scales masks up and crops them by pixels:
what it masks, seen in cells, ours must mask too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from fearrefactor.core.letterbox import PAD_VALUE, Letterbox, fit
from fearrefactor.vision.catalog import ModelFile, digest_of
from fearrefactor.vision.checkpoint import load_network
from fearrefactor.vision.compiled import CpuSettings
from fearrefactor.vision.openvino_runtime import OpenVinoSegmenter
from fearrefactor.vision.segmenter import DetectSettings, Segmenter
from fearrefactor.vision.torch_runtime import TorchSegmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray


SIDE = 160
SIZE_AS_IS = (160, 128)
SCORE = 0.1  # a model of one minute is not sure of much
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def picture(rng: np.random.Generator, width: int, height: int) -> tuple[NDArray[np.uint8], str]:
    """BGR noise with one to three discs and slabs, and its labels as Ultralytics writes them."""
    pixels = rng.integers(90, 140, (height, width, 3)).astype(np.uint8)
    labels = []
    for _ in range(rng.integers(1, 4)):
        which, radius = int(rng.integers(2)), int(rng.integers(height // 7, height // 4))
        middle = rng.integers(radius, (width - radius, height - radius))
        if which:
            outline = np.array([[-1, -0.7], [1, -0.7], [1, 0.7], [-1, 0.7]])
        else:
            turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
            outline = np.stack([np.cos(turn), np.sin(turn)], 1)
        points = middle + radius * outline
        colour = [(220, 40, 30), (20, 40, 220)][which]
        cv2.fillPoly(pixels, [points.round().astype(np.int32)], colour)
        numbers = (points.clip(0, [width - 1, height - 1]) / [width, height]).ravel()
        labels.append(f"{which} " + " ".join(f"{number:.5f}" for number in numbers))
    return pixels, "\n".join(labels)


def slim(folder: Path, family: str) -> Path:
    """The family's smallest segmentation network with half its width: what runs is the same."""
    import ultralytics

    configs = Path(ultralytics.__file__).parent / "cfg" / "models"
    [found] = configs.rglob(f"{family}-seg.yaml")
    described = yaml.safe_load(found.read_text("utf-8"))
    depth, width, limit = described["scales"]["n"]
    described["scales"] = {"n": [depth, width / 2, limit]}
    path = folder / f"{family}n-seg.yaml"
    path.write_text(yaml.safe_dump(described), "utf-8")
    return path


def settle_soon(trainer: Any) -> None:
    """A hundred steps are few: at the trainer's own pace, the means of the layers lag behind."""
    for layer in trainer.model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1


def train(folder: Path, family: str) -> Path:
    """A checkpoint that knows discs and slabs a little, after about 15 s on one core."""
    from ultralytics import YOLO

    rng = np.random.default_rng(1)
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i in range(16):
        pixels, labels = picture(rng, SIDE, 128)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), pixels)
        (folder / "labels" / f"{i}.txt").write_text(labels)
    data = folder / "data.yaml"
    data.write_text(f"path: {folder}\ntrain: images\nval: images\nnames: [disc, slab]\n")
    model = YOLO(slim(folder, family))
    model.add_callback("on_train_start", settle_soon)
    model.train(
        data=str(data),
        imgsz=SIDE,
        epochs=EPOCHS[family],
        batch=4,
        optimizer="AdamW",
        lr0=0.006,
        lrf=0.5,
        warmup_epochs=0,
        mosaic=0,
        scale=0.2,
        hsv_h=0,
        seed=0,
        device="cpu",
        workers=0,
        amp=False,
        plots=False,
        val=False,
        save=False,  # but at the end
        verbose=False,
        project=str(folder / "runs"),
    )
    return folder.joinpath(str(model.trainer.last))


@dataclass(frozen=True)
class Trained:
    """Our segmenters on a checkpoint; inputs, and what Ultralytics' predictor answers to each."""

    openvino: Segmenter
    torch: Segmenter
    answers: list[tuple[NDArray[np.uint8], Letterbox, Theirs]]


#: Epochs until masks have few holes.
EPOCHS = {"yolov8": 45, "yolo26": 25}


@pytest.fixture(scope="module", params=EPOCHS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp(request.param)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))  # it writes its settings on import
    path = train(folder, request.param)
    file = ModelFile("trained", path, digest_of(path), "none", "segmenter", ())
    settings = DetectSettings(score_floor=SCORE, long_side=SIDE)
    cpu = CpuSettings(threads=1, cache=folder, precision="f32")
    return Trained(
        openvino=OpenVinoSegmenter(file, partial(load_network, file), settings, cpu),
        torch=TorchSegmenter(file, load_network(file), settings, device="cpu", dtype=torch.float32),
        answers=answered(path),
    )


def letterboxed(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Letterbox]:
    """A BGR picture as the RGB input that a decoder would give."""
    height, width = pixels.shape[:2]
    place = fit(width, height, width / height, SIDE)
    frame = np.full((place.input_height, place.input_width, 3), PAD_VALUE, np.uint8)
    scaled = cv2.resize(pixels[:, :, ::-1], (place.width, place.height))
    frame[place.top :, place.left :][: place.height, : place.width] = scaled
    return frame, place


@dataclass(frozen=True)
class Theirs:
    """Ultralytics' answer to one input: rows of xyxy, score, class; masks in cells and pixels."""

    rows: NDArray[np.float32]
    cells: NDArray[np.bool_]
    pixels: NDArray[np.bool_]


def predicted(path: Path, frame: NDArray[np.uint8]) -> Theirs:
    from ultralytics import YOLO
    from ultralytics.models.yolo.segment import SegmentationPredictor
    from ultralytics.utils import ops

    class WithCells(SegmentationPredictor):
        """The predictor, which also keeps what it had before it drops empty masks."""

        def construct_result(self, pred: Any, img: Any, *rest: Any) -> Any:
            proto, size = rest[-1], img.shape[2:]
            snapped = torch.cat([(pred[:, :2] / 4).floor(), (pred[:, 2:4] / 4).ceil()], 1) * 4
            self.kept = Theirs(
                rows=pred[:, :6].clone().numpy(),
                cells=ops.process_mask(proto, pred[:, 6:], snapped, size).numpy().astype(bool),
                pixels=ops.process_mask(proto, pred[:, 6:], pred[:, :4], size, upsample=True)
                .numpy()
                .astype(bool),
            )
            return super().construct_result(pred, img, *rest)

    predictor = WithCells(
        overrides={"imgsz": SIDE, "conf": SCORE, "iou": 0.7, "device": "cpu", "verbose": False}
        | {"rect": True, "save": False, "project": str(path.parent)}
    )
    predictor.setup_model(YOLO(path).model, verbose=False)
    bgr = np.ascontiguousarray(frame[:, :, ::-1])
    [result] = predictor(bgr)
    n_shown = int(predictor.kept.pixels.any((1, 2)).sum())
    assert len(result) == n_shown  # what was kept is what the predictor shows
    return predictor.kept


def iou(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0


def most_of_cell(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = pixels.shape
    return pixels.reshape(height // 4, 4, width // 4, 4).sum((1, 3)) > 8


def answered(path: Path) -> list[tuple[NDArray[np.uint8], Letterbox, Theirs]]:
    rng = np.random.default_rng(2)
    answers = []
    for width, height in ((320, 256), (200, 320), (330, 187), SIZE_AS_IS) * 3:
        frame, place = letterboxed(picture(rng, width, height)[0])
        answers.append((frame, place, predicted(path, frame)))
    return answers


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_the_same_instances_boxes_and_masks_as_ultralytics(trained: Trained, runtime: str) -> None:
    segmenter: Segmenter = getattr(trained, runtime)
    overlaps: list[float] = []
    n_shown = n_covered = 0
    for frame, place, theirs in trained.answers:
        [ours] = segmenter.segment(frame[None])

        assert len(ours.scores) == len(theirs.rows)
        left = list(range(len(theirs.rows)))
        their_boxes = place.boxes_to_frame(theirs.rows[:, :4])
        for box, score, class_id, mask in zip(
            place.boxes_to_frame(ours.boxes), ours.scores, ours.class_ids, ours.masks, strict=True
        ):
            same = min(
                (row for row in left if theirs.rows[row, 5] == class_id),
                key=lambda row: np.abs(their_boxes[row] - box).max(),
            )
            left.remove(same)
            assert np.abs(their_boxes[same] - box).max() < 2
            assert abs(theirs.rows[same, 4] - score) < 0.01
            overlaps.append(iou(mask.astype(bool), theirs.cells[same]))
            shown = most_of_cell(theirs.pixels[same])
            n_shown += int(shown.sum())
            n_covered += int((shown & (mask == 1)).sum())

    assert len(overlaps) > 10
    assert min(overlaps) >= 0.97
    assert n_covered >= 0.97 * n_shown

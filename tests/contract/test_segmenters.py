"""One contract for every way a segmentation network is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lamps
import numpy as np
import pytest
import torch

from fearrefactor.errors import ModelError
from fearrefactor.vision.batcher import DynamicBatcher
from fearrefactor.vision.compiled import CpuSettings
from fearrefactor.vision.openvino_runtime import OpenVinoSegmenter
from fearrefactor.vision.segmenter import DetectSettings, Segmenter
from fearrefactor.vision.torch_runtime import TorchSegmenter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fearrefactor.core.detections import Instances
    from fearrefactor.vision.network import Head

Make = Callable[..., Segmenter]

SCENE = lamps.frame(("red", 20, 12), ("blue", 100, 44), ("red", 60, 60))
SPOILS = (
    "nan scores",
    "nan prototypes",
    "small prototypes",
    "too few columns",
    "too few frames",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=["openvino", "torch", "torch half", "batcher"])
def make(request: pytest.FixtureRequest, cache: Path) -> Iterator[Make]:
    opened: list[DynamicBatcher] = []

    def make(head: Head, spoil: str = "", settings: DetectSettings | None = None) -> Segmenter:
        file, settings = lamps.model_file(head, spoil), settings or DetectSettings(long_side=160)
        if request.param.startswith("torch"):
            dtype = torch.float16 if request.param.endswith("half") else torch.float32
            network = lamps.network(head, spoil)
            return TorchSegmenter(file, network, settings, device="cpu", dtype=dtype)
        cpu = CpuSettings(threads=1, cache=cache, precision="f32")
        segmenter = OpenVinoSegmenter(file, lambda: lamps.network(head, spoil), settings, cpu)
        if request.param == "openvino":
            return segmenter
        opened.append(DynamicBatcher(segmenter, max_batch=2, max_wait_s=0.01))
        return opened[-1]

    yield make
    for batcher in opened:
        batcher.close()


@pytest.mark.parametrize("head", lamps.HEADS)
def test_every_lamp_is_seen_once_with_its_class_box_and_mask(make: Make, head: Head) -> None:
    segmenter = make(head)

    [seen] = segmenter.segment(SCENE[None])

    order = np.lexsort((seen.boxes[:, 0], seen.class_ids))
    assert [segmenter.card.classes[i] for i in seen.class_ids[order]] == ["red", "red", "blue"]
    expected = np.array([[20, 12, 52, 44], [60, 60, 92, 92], [100, 44, 132, 76]], np.float32)
    np.testing.assert_allclose(seen.boxes[order], expected, atol=1e-4)
    np.testing.assert_allclose(seen.scores, lamps.SCORE, atol=2e-3)
    for (left, top, right, bottom), mask in zip(
        expected.astype(int) // 4, seen.masks[order], strict=True
    ):
        assert mask.shape == (24, 40)
        assert mask.sum() == 64
        assert mask[top:bottom, left:right].all()


@pytest.mark.parametrize("head", lamps.HEADS)
def test_a_frame_without_lamps_has_no_instances_and_keeps_its_shapes(
    make: Make, head: Head
) -> None:
    [seen] = make(head).segment(lamps.frame()[None])

    assert seen.boxes.shape == (0, 4)
    assert seen.masks.shape == (0, 24, 40)
    assert seen.class_ids.dtype == np.int32
    assert seen.masks.dtype == np.uint8


@pytest.mark.parametrize("head", lamps.HEADS)
def test_an_answer_does_not_depend_on_the_frames_beside_it(make: Make, head: Head) -> None:
    segmenter = make(head)
    others = [lamps.frame(("green", 4 + 8 * i, 20)) for i in range(4)]

    [alone] = segmenter.segment(SCENE[None])
    among = segmenter.segment(np.stack([*others[:2], SCENE, *others[2:]]))

    assert len(among) == 5
    assert [int(one.class_ids[0]) for one in (*among[:2], *among[3:])] == [1, 1, 1, 1]
    _assert_same(among[2], alone)


def test_frames_of_other_sizes_are_answered_in_their_own_cells(make: Make) -> None:
    segmenter = make("anchor_free")

    for height, width in ((96, 160), (160, 96), (64, 64), (96, 160)):
        picture = lamps.frame(("green", 20, 12), height=height, width=width)
        [seen] = segmenter.segment(picture[None])

        assert seen.masks.shape == (1, height // 4, width // 4)
        np.testing.assert_allclose(seen.boxes, [[20, 12, 52, 44]], atol=1e-4)


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("head", lamps.HEADS)
def test_rubbish_answers_are_an_error_that_names_the_model(
    make: Make, head: Head, spoil: str
) -> None:
    segmenter = make(head, spoil)

    with pytest.raises(ModelError, match=f"lamps-{head}"):
        segmenter.segment(np.stack([SCENE, SCENE]))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 100, 160, 3), np.uint8),
        np.zeros((1, 96, 160, 4), np.uint8),
        np.zeros((96, 160, 3), np.uint8),
        np.zeros((1, 96, 160, 3), np.float32),
        np.zeros((0, 96, 160, 3), np.uint8),
    ],
)
def test_frames_of_another_shape_or_type_are_refused(make: Make, frames: Any) -> None:
    with pytest.raises(ModelError, match=r"expected frames \(n, H, W, 3\) uint8"):
        make("anchors").segment(frames)


def test_the_floor_and_the_limit_of_the_settings_hold(make: Make) -> None:
    few = make("anchors", settings=DetectSettings(max_instances=2, long_side=160))
    strict = make("anchors", settings=DetectSettings(score_floor=0.99, long_side=160))

    assert len(few.segment(SCENE[None])[0].scores) == 2
    assert len(strict.segment(SCENE[None])[0].scores) == 0


def _assert_same(one: Instances, other: Instances) -> None:
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.class_ids, other.class_ids)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    np.testing.assert_array_equal(one.masks, other.masks)

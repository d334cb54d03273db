"""The pass of detection with its frames on a device, which here is the CPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fake_stages import make_index
from lamp_clips import clip
from stub_model import LampFinder

from fearrefactor.core.letterbox import PAD_VALUE
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import MediaError
from fearrefactor.media.device_decode import DeviceDecoder
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.pipeline.device_frames import DeviceBatch, OnDevice
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.vision.batcher import DynamicBatcher
from fearrefactor.vision.device_pictures import Shrinker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fearrefactor.core.detections import Detections, Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.planes import PlanarFrame
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.coded import CodedSegment

FILM = clip({"red": range(6, 30), "green": range(48)})


@dataclass(frozen=True)
class EitherFinder(LampFinder):
    """Takes arrays and tensors, and remembers which."""

    kinds: list[type] = field(default_factory=list)

    def segment(self, frames: Any) -> list[Instances]:
        self.kinds.append(type(frames))
        return super().segment(np.asarray(frames))


@dataclass(frozen=True)
class CountingTensors(LampFinder):
    """Remembers how many frames it was given."""

    shapes: list[int] = field(default_factory=list)

    def segment(self, frames: Any) -> list[Instances]:
        assert isinstance(frames, torch.Tensor)
        self.shapes.append(len(frames))
        return super().segment(np.asarray(frames))


class FailingDecoder(DeviceDecoder):
    """Gives up in the middle of each segment."""

    def frames(self, coded: CodedSegment, task: SegmentTask) -> Iterator[PlanarFrame]:
        for n, frame in enumerate(super().frames(coded, task)):
            if n == 7:
                raise MediaError("the device does not like it")
            yield frame


def detections(
    folder: Path, model: EitherFinder, on_device: OnDevice | None, *, through: bool = False
) -> list[Detections]:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    path = folder / "film.mp4"
    path.write_bytes(FILM)
    cut = CutSettings(min_segment_frames=24)
    settings = JobSettings(str(folder / "out"), "", S3Settings(), cut=cut, batch=5)
    with (
        DynamicBatcher(model, 8, 0.001) as batcher,
        VideoWorker(settings, batcher if through else model, scratch, on_device) as worker,
    ):
        survey = worker.survey(str(path))
        return [worker.detect(survey.source, task)[0] for task in survey.index.tasks()]


@pytest.mark.parametrize("through", [False, True])
def test_what_is_seen_on_a_device_is_what_is_seen_through_the_child(
    tmp_path: Path,
    through: bool,  # noqa: FBT001 - a parameter
) -> None:
    plain, model = EitherFinder(), EitherFinder()
    expected = detections(tmp_path, plain, None)

    found = detections(
        tmp_path, model, OnDevice(DeviceDecoder("cpu"), Shrinker("cpu")), through=through
    )

    assert set(plain.kinds) == {np.ndarray}
    assert set(model.kinds) == {torch.Tensor}
    assert len(found) == 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.checksum, other.checksum)
        np.testing.assert_array_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.class_id, other.class_id)
        np.testing.assert_allclose(one.box, other.box, atol=4)
        assert np.abs(one.sketch.astype(int) - other.sketch).max() <= 2


def test_what_a_device_cannot_decode_the_child_decodes(tmp_path: Path) -> None:
    model = EitherFinder()
    expected = detections(tmp_path, EitherFinder(), None)

    found = detections(tmp_path, model, OnDevice(FailingDecoder("cpu"), Shrinker("cpu")))

    assert set(model.kinds) == {torch.Tensor, np.ndarray}
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.box, other.box)
        assert one.mask == other.mask


@dataclass(frozen=True)
class Still:
    """A ``FrameSource`` of frames on a device, all but the fourth alike."""

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[DeviceBatch]:
        indices = np.arange(batch) + task.segment.first_frame
        pixels = np.full((batch, box.input_height, box.input_width, 3), PAD_VALUE, np.uint8)
        pixels[3] = 0
        yield DeviceBatch(indices, pixels, indices.astype(np.uint32), torch.from_numpy(pixels))


def test_of_equal_frames_on_a_device_the_model_is_given_one() -> None:
    model = CountingTensors()

    detect_segment(Still(), make_index(16).tasks()[0], model, 8)

    assert model.shapes == [3]

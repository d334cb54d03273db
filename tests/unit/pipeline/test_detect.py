from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_stages import make_index
from hypothesis import given, settings
from hypothesis import strategies as st
from lamp_clips import picture
from stub_model import (
    CARD,
    BlindModel,
    CountingModel,
    DecliningModel,
    LampFinder,
    MuteModel,
    NanModel,
    OddMasksModel,
    ShortModel,
    UnknownClassModel,
    watched,
)

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import PAD_VALUE, Letterbox
from fearrefactor.errors import BlindModelError, ModelError
from fearrefactor.pipeline.detect import detect_segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.vision.segmenter import Segmenter


@dataclass
class Batch:
    frames: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    checksums: NDArray[np.uint32]


class Screen:
    """A ``FrameSource`` that shows one picture in every frame, set into the letterbox.

    The last pixel tells frames apart, so that the model is given each.
    """

    def __init__(self, content: NDArray[np.uint8] | None = None) -> None:
        self.content = content
        self.batches: list[int] = []

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[Batch]:
        pixels = np.full((batch, box.input_height, box.input_width, 3), PAD_VALUE, np.uint8)
        if self.content is not None:
            inner = self.content[: box.height, : box.width]
            pixels[:, box.top : box.top + box.height, box.left : box.left + box.width] = inner
        first, end = task.segment.first_frame, task.segment.end_frame
        while first < end:
            n = min(batch, end - first)
            self.batches.append(n)
            frames = np.arange(first, first + n)
            pixels[:n, -1, -1] = frames[:, None]
            yield Batch(frames, pixels[:n], frames.astype(np.uint32) + 7)
            first += n


@dataclass(frozen=True)
class BoxModel(LampFinder):
    """Sees the same box, in input pixels, in each frame; its mask is all of the input."""

    box: tuple[float, float, float, float] = (0, 0, 8, 8)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        n, height, width = frames.shape[:3]
        seen = Instances(
            boxes=np.array([self.box], np.float32),
            scores=np.array([0.5], np.float32),
            class_ids=np.array([1], np.int32),
            masks=np.ones((1, height // 4, width // 4), np.uint8),
        )
        return [seen] * n


def task_of(width: int, height: int) -> SegmentTask:
    index = make_index(20, 2, width_px=width, height_px=height)
    return index.task(index.segments[1])


def test_every_frame_of_the_segment_is_inspected_in_batches_of_the_given_size() -> None:
    screen = Screen()
    found = detect_segment(screen, task_of(160, 96), BlindModel(), batch=4)
    assert found.frames.tolist() == list(range(10, 20))
    assert found.checksum.tolist() == list(range(17, 27))
    assert screen.batches == [4, 4, 2]
    assert len(found) == 0


def test_what_the_model_sees_is_told_in_pixels_of_the_source() -> None:
    # 480 × 270 becomes 160 × 88 cells of picture, 4 px below the top of a 160 × 96 input.
    found = detect_segment(Screen(picture(["red"])), task_of(480, 270), LampFinder(), batch=8)
    scale = 270 / 88
    assert found.frame.tolist() == list(range(10, 20))
    assert found.class_id.tolist() == [0] * 10
    np.testing.assert_allclose(found.box[0], [0, 8 * scale, 32 * 3, 40 * scale], atol=1e-3)


def test_a_mask_covers_the_frame_edge_to_edge_without_the_padding() -> None:
    found = detect_segment(Screen(picture(["red"])), task_of(480, 270), LampFinder(), batch=8)
    bits = found.mask[0].bits()
    assert bits.shape == (22, 40)
    expected = np.zeros((22, 40), np.uint8)
    expected[2:10, 0:8] = 1
    np.testing.assert_array_equal(bits, expected)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((480, 270), (0, 0, 160, 4)),
        ((480, 270), (0, 92, 160, 96)),
        ((480, 270), (10, 93, 20, 95)),
        ((270, 480), (0, 0, 4, 160)),
        ((270, 480), (92, 0, 96, 160)),
    ],
)
def test_an_instance_that_lies_wholly_in_the_padding_is_dropped(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    found = detect_segment(Screen(), task_of(*size), BoxModel(box=box), batch=8)
    assert len(found) == 0
    assert len(found.frames) == 10


def test_an_instance_that_reaches_into_the_padding_is_cut_at_the_frame() -> None:
    found = detect_segment(Screen(), task_of(480, 270), BoxModel(box=(-9, 0, 80, 48)), batch=8)
    np.testing.assert_allclose(found.box[0], [0, 0, 240, 135], atol=1e-3)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (MuteModel(), "answered for 0 of 8 frames in segment 1"),
        (NanModel(), "answered rubbish: expected finite boxes"),
        (ShortModel(), "answered for 7 of 8 frames in segment 1"),
        (OddMasksModel(), r"expected masks \(24, 40\) uint8 in frame 10, got \(12, 20\)"),
        (OddMasksModel(shape=(40, 24)), r"expected masks \(24, 40\)"),
        (UnknownClassModel(), "expected classes 0 to 2 in frame 10, got 3 to 3"),
    ],
)
def test_rubbish_from_a_model_is_an_error_and_no_detection(model: Segmenter, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        detect_segment(Screen(), task_of(160, 96), model, batch=8)
    assert CARD.name in str(caught.value)


class LastFrameOnly(Screen):
    """Nothing at all, and a red lamp in the last frame."""

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[Batch]:
        for frames in super().frames(task, box, batch):
            if frames.frames[-1] == task.segment.end_frame - 1:
                frames.pixels[-1] = picture(["red"])
            yield frames


class Slideshow(Screen):
    """Frames 10 to 19 show these slides: names of lamps, or levels of grey with a lamp or without.

    A slide is ``(colour, grey)``; colour may be empty.
    """

    def __init__(self, slides: list[tuple[str, int]]) -> None:
        super().__init__()
        self.slides = slides

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[Batch]:
        for frames in super().frames(task, box, batch):
            for pixels, frame in zip(frames.pixels, frames.frames.tolist(), strict=True):
                colour, grey = self.slides[frame - 10]
                pixels[:] = grey
                if colour:
                    shown = picture([colour])
                    lamp = shown.max(axis=2) > shown.min(axis=2)
                    pixels[lamp] = shown[lamp]
            yield frames


def test_a_model_proves_itself_once_after_a_segment_that_ends_with_nothing_in_sight() -> None:
    model = CountingModel()
    found = detect_segment(Screen(), task_of(160, 96), watched(model), batch=4)
    assert model.calls == [4, 4, 2, 1]
    assert found.frames.tolist() == list(range(10, 20))


def test_a_model_that_has_just_seen_something_need_not_prove_itself() -> None:
    model = CountingModel()
    detect_segment(LastFrameOnly(), task_of(160, 96), watched(model), batch=4)
    assert model.calls == [4, 4, 2]


@pytest.mark.parametrize("n_frames", [0, 4, 8])
def test_of_a_model_that_goes_blind_in_a_segment_nothing_is_believed(n_frames: int) -> None:
    model = watched(DecliningModel(then=BlindModel(), n_frames=n_frames))
    with pytest.raises(BlindModelError, match="gone blind"):
        detect_segment(Screen(picture(["red"])), task_of(160, 96), model, batch=4)


def test_rubbish_is_the_frames_fault_only_if_the_model_still_sees() -> None:
    for broken in (NanModel(), ShortModel(), MuteModel()):
        with pytest.raises(BlindModelError, match="gone blind"):
            detect_segment(Screen(), task_of(160, 96), watched(broken), batch=4)
    with pytest.raises(ModelError, match="expected masks"):
        detect_segment(Screen(), task_of(160, 96), watched(OddMasksModel()), batch=4)


def looked_at(
    slides: list[tuple[str, int]], reuse_within: float = 0.0, batch: int = 4
) -> tuple[list[int], Detections]:
    """How many frames the model was given, call by call, and what was found."""
    model = CountingModel()
    found = detect_segment(Slideshow(slides), task_of(160, 96), model, batch, reuse_within)
    return model.calls, found


def test_frames_that_repeat_a_picture_exactly_have_its_answer_and_are_not_given_to_the_model() -> (
    None
):
    slides = [("red", 90)] * 3 + [("blue", 90)] * 6 + [("red", 90)]
    calls, found = looked_at(slides)
    assert calls == [2, 1]
    assert found.frames.tolist() == list(range(10, 20))
    assert found.checksum.tolist() == list(range(17, 27))
    assert found.frame.tolist() == list(range(10, 20))
    assert [CARD.classes[one] for one in found.class_id] == [colour for colour, _ in slides]
    assert found.n_reused == 7


@given(
    slides=st.lists(
        st.tuples(st.sampled_from(["", "red", "blue"]), st.integers(90, 92)),
        min_size=10,
        max_size=10,
    ),
    batch=st.integers(1, 10),
)
@settings(max_examples=25, deadline=None)
def test_answers_that_are_used_again_are_those_that_the_model_would_have_given(
    slides: list[tuple[str, int]], batch: int
) -> None:
    calls, found = looked_at(slides, batch=batch)
    asked = [
        detect_segment(Slideshow([slide] * 10), task_of(160, 96), LampFinder(), 10)
        for slide in slides
    ]
    assert found.class_id.tolist() == [one for each in asked for one in each.class_id[:1]]
    np.testing.assert_array_equal(found.sketch, [each.sketch[0] for each in asked])
    assert sum(calls) == 10 - found.n_reused == 1 + sum(map(operator.ne, slides[1:], slides))


def test_nearly_equal_frames_have_an_answer_in_common_only_where_a_run_allows_it() -> None:
    slides = [("red", 90 + frame % 2) for frame in range(10)]
    assert sum(looked_at(slides)[0]) == 10
    calls, found = looked_at(slides, reuse_within=1.0)
    assert sum(calls) == 1
    assert found.class_id.tolist() == [0] * 10


def test_small_changes_add_up_until_the_model_looks_again() -> None:
    slides = [("", 90 + frame) for frame in range(10)]
    calls, found = looked_at(slides, reuse_within=3.0, batch=3)
    assert sum(calls) == 3
    assert found.n_reused == 7


def test_a_small_thing_that_comes_into_a_still_picture_is_looked_at() -> None:
    slides = [("", 90)] * 5 + [("green", 90)] * 5
    calls, found = looked_at(slides, reuse_within=4.0)
    assert sum(calls) == 2
    assert found.frame.tolist() == list(range(15, 20))


def test_a_model_that_sees_something_in_a_frame_that_is_repeated_need_not_prove_itself() -> None:
    model = CountingModel()
    slides = [("", 90)] + [("red", 90)] * 9
    detect_segment(Slideshow(slides), task_of(160, 96), watched(model), 4)
    assert model.calls == [2]


def test_a_model_that_sees_nothing_in_a_frame_that_is_repeated_proves_itself() -> None:
    model = watched(DecliningModel(then=BlindModel(), n_frames=1))
    with pytest.raises(BlindModelError, match="gone blind"):
        detect_segment(Slideshow([("", 90)] * 10), task_of(160, 96), model, 4)

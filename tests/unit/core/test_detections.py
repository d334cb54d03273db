from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import detections

from fearrefactor.core.detections import Detections, Instances, concatenate, join

BITS = np.eye(4, dtype=np.uint8)
BOX = (0.0, 0.0, 4.0, 4.0)


def seen(first_frame: int, n_frames: int, frames: list[int]) -> Detections:
    rows = [(frame, 0, 0.5, BOX, BITS) for frame in frames]
    return detections(n_frames, rows, first_frame)


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    data=st.data(),
)
def test_segments_in_order_are_the_whole_video(lengths: list[int], data: st.DataObject) -> None:
    parts, whole, first = [], [], 0
    for length in lengths:
        inside = st.integers(first, first + length - 1)
        frames = sorted(data.draw(st.lists(inside, max_size=5)))
        parts.append(seen(first, length, frames))
        whole += frames
        first += length
    joined = join(parts, sum(lengths))
    assert joined.frames.tolist() == list(range(sum(lengths)))
    assert joined.frame.tolist() == whole
    assert len(joined) == len(joined.mask) == len(whole)


def test_a_frame_that_was_not_inspected_is_missed() -> None:
    with pytest.raises(ValueError, match="first missing: 5"):
        join([seen(0, 5, []), seen(6, 4, [])], 10)
    with pytest.raises(ValueError, match="first missing: 9"):
        join([seen(0, 9, [])], 10)
    with pytest.raises(ValueError, match="first missing: 5"):
        join([seen(0, 5, []), seen(6, 5, [])], 10)  # as many as there should be, but others
    with pytest.raises(ValueError, match="first missing: 0"):
        join([], 1)


@pytest.mark.parametrize("parts", [[(0, 5), (4, 6)], [(0, 11)], [(5, 5), (0, 5)]])
def test_a_frame_too_many_or_out_of_order_is_no_proof(parts: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"expected (frames 0 to 9 inspected once|frames in asc)"):
        join([seen(first, n, []) for first, n in parts], 10)


def test_nothing_put_together_is_nothing() -> None:
    nothing = concatenate([])
    assert len(nothing) == len(nothing.frames) == 0
    both = concatenate([nothing, seen(0, 2, [1])])
    assert both.frame.tolist() == [1]


def test_an_instance_in_a_frame_nobody_looked_at_is_refused() -> None:
    with pytest.raises(ValueError, match="lie in an inspected frame"):
        seen(0, 5, [7])


def test_frames_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        seen(0, 5, [3, 2])


def test_columns_of_different_length_are_refused() -> None:
    good = seen(0, 2, [0, 1])
    for name in ("class_id", "score", "box", "mask", "surround"):
        with pytest.raises(ValueError, match="expected 2 classes, scores, boxes, masks and surr"):
            replace(good, **{name: getattr(good, name)[:1]})
    with pytest.raises(ValueError, match="expected sketches"):
        replace(good, sketch=good.sketch[:1])
    with pytest.raises(ValueError, match=r"expected checksums \(2,\) uint32, got \(1,\)"):
        replace(good, checksum=good.checksum[:1])


def instances(
    boxes: object = None, scores: object = None, n_masks: int = 2, n_classes: int = 2
) -> Instances:
    return Instances(
        boxes=np.array(boxes or [BOX, BOX], np.float32),
        scores=np.array(scores or [0.5, 1.0], np.float32),
        class_ids=np.zeros(n_classes, np.int32),
        masks=np.zeros((n_masks, 4, 4), np.uint8),
    )


def test_what_a_model_found_is_taken_when_it_is_sound() -> None:
    assert len(instances().scores) == 2


@pytest.mark.parametrize(
    ("rubbish", "complaint"),
    [
        ({"boxes": [BOX]}, "expected 2 boxes"),
        ({"boxes": [BOX, (0, 0, float("nan"), 1)]}, "finite"),
        ({"boxes": [BOX, (0, 0, float("inf"), 1)]}, "finite"),
        ({"scores": [0.5, float("nan")]}, "finite"),
        ({"scores": [0.5, 1.5]}, r"\[0, 1\]"),
        ({"scores": [0.5, -0.1]}, r"\[0, 1\]"),
        ({"n_masks": 1}, "expected 2 boxes"),
        ({"n_classes": 3}, "expected 2 boxes"),
    ],
)
def test_rubbish_from_a_model_is_refused(rubbish: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        instances(**rubbish)  # type: ignore[arg-type]

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms, nms

from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates, best, suppress
from fearrefactor.vision.heads import confident, reader
from fearrefactor.vision.masks import crop, ellipses, from_prototypes
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.vision.network import Head

HEADS: tuple[Head, ...] = ("anchors", "anchor_free", "end_to_end")
seeds = st.integers(0, 2**32 - 1)


def some_boxes(rng: np.random.Generator, n: int, side: int = 64) -> NDArray[np.float32]:
    """Integer corners, so that an overlap is the same in every order of arithmetic."""
    low = rng.integers(0, side, (n, 2))
    return np.concatenate([low, low + rng.integers(0, side, (n, 2))], 1).astype(np.float32)


def candidates(boxes: Any, scores: Any, class_ids: Any) -> Candidates:
    return Candidates(
        boxes=np.array(boxes, np.float32),
        scores=np.array(scores, np.float32),
        class_ids=np.array(class_ids, np.int32),
        coefficients=np.zeros((len(scores), N_COEFFICIENTS), np.float32),
    )


@example(seed=48, n=24, iou=0.1)  # an overlap of exactly a tenth
@given(seed=seeds, n=st.integers(0, 60), iou=st.sampled_from([0.1, 0.45, 0.7, 0.95]))
def test_suppression_of_one_class_is_that_of_torchvision(seed: int, n: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = some_boxes(rng, n), rng.random(n, np.float32).round(2)

    ours = suppress(boxes, scores, np.zeros(n, np.int32), iou)
    theirs = nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou)

    assert ours.tolist() == theirs.tolist()


@given(seed=seeds, n=st.integers(1, 60))
def test_suppression_of_several_classes_is_that_of_torchvision(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = some_boxes(rng, n), rng.permutation(n).astype(np.float32) / n
    class_ids = rng.integers(0, 4, n).astype(np.int32)

    ours = suppress(boxes, scores, class_ids, 0.5)
    theirs = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(class_ids), 0.5
    )

    assert ours.tolist() == theirs.tolist()


def test_the_best_come_first_and_only_those_above_the_floor() -> None:
    found = best(
        candidates([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], [0.2, 0.04, 0.9], [0, 0, 0]),
        DetectSettings(score_floor=0.05),
        1,
        overlapping=True,
    )

    assert found.scores.tolist() == pytest.approx([0.9, 0.2])


def test_a_head_that_names_each_thing_once_is_not_suppressed() -> None:
    twins = candidates([[0, 0, 9, 9], [0, 0, 9, 9]], [0.5, 0.9], [0, 0])

    assert len(best(twins, DetectSettings(), 1, overlapping=False).scores) == 2
    assert len(best(twins, DetectSettings(), 1, overlapping=True).scores) == 1


@pytest.mark.parametrize("class_id", [-1, 3])
def test_a_class_that_the_model_does_not_have_is_an_error(class_id: int) -> None:
    with pytest.raises(ModelError, match="expected class ids below 3"):
        best(candidates([[0, 0, 9, 9]], [0.5], [class_id]), DetectSettings(), 3, overlapping=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_box_that_is_not_finite_is_an_error(value: float) -> None:
    with pytest.raises(ModelError, match="expected finite boxes"):
        best(candidates([[0, 0, value, 9]], [0.5], [0]), DetectSettings(), 1, overlapping=True)


@pytest.mark.parametrize("head", HEADS)
@given(seed=seeds, floor=st.sampled_from([0.05, 0.3, 0.8]))
@settings(max_examples=25)
def test_no_row_that_reaches_the_floor_is_dropped_before_it_is_read(
    head: Head, seed: int, floor: float
) -> None:
    rng, of_head = np.random.default_rng(seed), reader(head, 3)
    rows = rng.random((2, 30, of_head.n_columns), np.float32)
    if head == "end_to_end":
        rows[:, :, 5] = rng.integers(0, 3, (2, 30))
    predictions = rows.swapaxes(1, 2) if head == "anchor_free" else rows

    picked, counts = confident(of_head, predictions, 2, floor)
    quick = of_head.read(picked)
    everything = of_head.read(rows.reshape(60, -1))

    reached = everything.scores >= floor
    np.testing.assert_array_equal(quick.scores[quick.scores >= floor], everything.scores[reached])
    np.testing.assert_array_equal(quick.boxes[quick.scores >= floor], everything.boxes[reached])
    assert sum(counts) == len(picked)
    assert len(counts) == 2


@pytest.mark.parametrize("head", HEADS)
def test_rows_are_picked_alike_from_numpy_and_from_torch(head: Head) -> None:
    of_head = reader(head, 3)
    predictions = np.random.default_rng(0).random((2, 30, of_head.n_columns), np.float32)
    if head == "anchor_free":
        predictions = predictions.swapaxes(1, 2)

    ours, ours_counts = confident(of_head, predictions, 2, 0.5)
    theirs, theirs_counts = confident(of_head, torch.from_numpy(predictions), 2, 0.5)

    np.testing.assert_array_equal(ours, theirs.numpy())
    assert ours_counts == theirs_counts


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("score", [np.nan, np.inf, -0.1, 1.5])
def test_a_score_outside_its_range_is_an_error(head: Head, score: float) -> None:
    of_head = reader(head, 3)
    rows = np.full((1, 4, of_head.n_columns), 0.5, np.float32)
    rows[0, 2, 4] = score
    predictions = rows.swapaxes(1, 2) if head == "anchor_free" else rows

    with pytest.raises(ModelError, match=r"expected scores in \[0, 1\]"):
        confident(of_head, predictions, 1, 0.05)


@pytest.mark.parametrize("head", HEADS)
def test_a_model_that_answers_0_for_everything_is_dead(head: Head) -> None:
    of_head = reader(head, 2)
    rows = np.zeros((2, 5, of_head.n_columns), np.float32)
    predictions = rows.swapaxes(1, 2) if head == "anchor_free" else rows

    with pytest.raises(ModelError, match="0 everywhere: it is dead"):
        confident(of_head, predictions, 2, 0.05)


def test_a_score_with_anchors_is_objectness_times_class() -> None:
    row = np.zeros((1, 5 + 2 + N_COEFFICIENTS), np.float32)
    row[0, :7] = [50, 40, 20, 10, 0.5, 0.2, 0.8]

    read = reader("anchors", 2).read(row)

    assert read.boxes.tolist() == [[40, 35, 60, 45]]
    assert read.scores.tolist() == pytest.approx([0.4])
    assert read.class_ids.tolist() == [1]


@given(seed=seeds, n=st.integers(0, 5))
def test_a_mask_is_the_sign_of_its_logits_inside_the_box_and_nothing_outside(
    seed: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    boxes = some_boxes(rng, n) - 8
    coefficients = rng.normal(size=(n, N_COEFFICIENTS)).astype(np.float32)
    prototypes = rng.normal(size=(N_COEFFICIENTS, 16, 20)).astype(np.float32)

    masks = from_prototypes(coefficients, prototypes, boxes)

    positive = np.tensordot(coefficients, prototypes, 1) > 0
    assert masks.shape == (n, 16, 20)
    for mask, box, expected in zip(masks, boxes, positive, strict=True):
        y, x = np.mgrid[:16, :20]
        touched = (4 * x + 4 > box[0]) & (4 * x < box[2]) & (4 * y + 4 > box[1]) & (4 * y < box[3])
        if (box[2:] > box[:2]).all():
            np.testing.assert_array_equal(mask.astype(bool), expected & touched)
        else:
            assert not (mask.astype(bool) & ~expected).any()


@given(seed=seeds)
def test_a_crop_never_cuts_a_cell_that_the_box_touches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (1, 2))
    box = np.concatenate([low, low + rng.uniform(1, 20, (1, 2))], 1).astype(np.float32)

    cells = crop(np.ones((1, 24, 24), bool), box)[0]

    left, top, right, bottom = box[0]
    for y, x in ((top, left), (bottom - 0.01, right - 0.01), ((top + bottom) / 2, left)):
        assert cells[int(y // 4), int(x // 4)] == 1


@given(x=st.floats(0, 60), y=st.floats(0, 60), width=st.floats(1, 60), height=st.floats(1, 60))
def test_an_ellipse_lies_in_its_box_and_covers_its_middle(
    x: float, y: float, width: float, height: float
) -> None:
    box = np.array([[x, y, x + width, y + height]], np.float32)

    [mask] = ellipses(box, 32, 32)

    assert mask[int((y + height / 2) // 4), int((x + width / 2) // 4)] == 1
    assert (mask <= crop(np.ones((1, 32, 32), bool), box)[0]).all()
    assert mask.sum() >= np.pi / 4 * width * height / 16 * 0.8


@pytest.mark.parametrize(
    "wrong",
    [{"score_floor": 0}, {"nms_iou": 1.5}, {"max_instances": 0}, {"long_side": 650}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        DetectSettings(**wrong)


def test_equal_settings_are_written_alike() -> None:
    assert repr(DetectSettings(nms_iou=1)) == repr(DetectSettings(nms_iou=1.0))
    assert repr(DetectSettings()) != repr(DetectSettings(score_floor=0.1))

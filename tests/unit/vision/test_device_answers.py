"""What is read on a device is what numpy reads: compared on the CPU, where torch does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core.detections import Instances
from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import best
from fearrefactor.vision.device_answers import answers
from fearrefactor.vision.heads import confident, reader
from fearrefactor.vision.masks import from_prototypes
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from fearrefactor.vision.network import Head

N_CLASSES = 3
HEIGHT, WIDTH = 64, 96
HEADS: tuple[Head, ...] = ("anchors", "anchor_free", "end_to_end")


def rubble(
    head: Head, seed: int, n_frames: int, n_rows: int, levels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions of a few overlapping clusters, their scores of so many ``levels``: many ties."""
    rng = np.random.default_rng(seed)
    centre = rng.choice([16.0, 40.0, 70.0], (n_frames, n_rows, 2)) + rng.normal(0, 3, (1, 1, 2))
    centre = centre + rng.normal(0, 3, centre.shape)
    size = rng.uniform(0, 30, centre.shape)
    scores = np.floor(rng.uniform(0, levels, (n_frames, n_rows, N_CLASSES))) / levels
    scores[0, 0, 0] = 1  # scores that are all 0 are an error
    best_score, which = scores.max(2, keepdims=True), scores.argmax(2)[:, :, None]
    mixed = rng.normal(0, 1, (n_frames, n_rows, 32))
    if head == "anchors":
        parts = [centre, size, np.sqrt(best_score), scores, mixed]
    elif head == "anchor_free":
        parts = [centre, size, scores, mixed]
    else:
        parts = [centre - size / 2, centre + size / 2, best_score, which, mixed]
    rows = torch.from_numpy(np.concatenate(parts, 2).astype(np.float32))
    prototypes = rng.normal(0, 1, (n_frames, 32, HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    return rows.transpose(1, 2) if head == "anchor_free" else rows, torch.from_numpy(prototypes)


def as_numpy_reads(
    head: Head, told: tuple[torch.Tensor, torch.Tensor], detect: DetectSettings
) -> list[Instances]:
    """By the functions that read what OpenVINO answers."""
    kind = reader(head, N_CLASSES)
    rows, counts = confident(kind, told[0].numpy(), len(told[1]), detect.score_floor)
    frames = np.split(np.float32(rows), np.cumsum(counts)[:-1])
    seen = []
    for frame, prototypes in zip(frames, told[1].numpy(), strict=True):
        kept = best(kind.read(frame), detect, N_CLASSES, overlapping=kind.overlapping)
        masks = from_prototypes(kept.coefficients, prototypes, kept.boxes)
        seen.append(Instances(kept.boxes, kept.scores, kept.class_ids, masks))
    return seen


@pytest.mark.parametrize("head", HEADS)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.integers(1, 4),
    n_rows=st.integers(1, 60),
    levels=st.sampled_from([2, 5, 1000]),
    floor=st.sampled_from([0.05, 0.3, 0.9, 1.0]),
    limit=st.sampled_from([1, 5, 300]),
    iou=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_the_device_reads_answers_as_numpy_does(
    *, head: Head, seed: int, n_frames: int, n_rows: int, levels: int, floor: float, limit: int,
    iou: float,
) -> None:  # fmt: skip
    told = rubble(head, seed, n_frames, n_rows, levels)
    detect = DetectSettings(score_floor=floor, nms_iou=iou, max_instances=limit)

    seen = answers(reader(head, N_CLASSES), told, detect, (n_frames, HEIGHT, WIDTH))

    expected = as_numpy_reads(head, told, detect)
    assert len(seen) == n_frames
    for one, other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.class_ids, other.class_ids)
        # two libraries sum 32 products in two orders: a cell at the very edge may flip
        assert np.count_nonzero(one.masks != other.masks) <= 1 + one.masks.size // 10_000


@pytest.mark.parametrize("head", HEADS)
def test_a_frame_of_thousands_of_candidates_is_read_all_the_same(head: Head) -> None:
    told = rubble(head, 1, 2, 1500, 1000)
    detect = DetectSettings(score_floor=0.01, nms_iou=0.5)

    seen = answers(reader(head, N_CLASSES), told, detect, (2, HEIGHT, WIDTH))

    for one, other in zip(seen, as_numpy_reads(head, told, detect), strict=True):
        assert len(one.scores) > 3
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.class_ids, other.class_ids)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, float("nan"), "finite boxes"),
        (10, float("inf"), "finite mask coefficients"),
        (5, float(N_CLASSES), "class ids below 3"),
        (5, float("nan"), "class ids below 3"),
    ],
)
def test_rubbish_in_a_row_that_counts_is_an_error(column: int, value: float, message: str) -> None:
    predictions, prototypes = rubble("end_to_end", 2, 1, 8, 1000)
    predictions[0, :, 4] = 0.9
    predictions[0, 3, column] = value

    with pytest.raises(ModelError, match=message):
        answers(
            reader("end_to_end", N_CLASSES),
            (predictions, prototypes),
            DetectSettings(),
            (1, HEIGHT, WIDTH),
        )

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import CARD, detections

from fearrefactor.core.keep import kept
from fearrefactor.core.policy import Policy
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERSON, DOG, BIRD, TEDDY = 0, 1, 2, 3
BOX = (0.0, 0.0, 1.0, 1.0)


def rectangle(
    left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (24, 40)
) -> NDArray[np.uint8]:
    bits = np.zeros(size, np.uint8)
    bits[top:bottom, left:right] = 1
    return bits


def kept_of(*rows: tuple[int, int, float, NDArray[np.uint8]], **keep: Any) -> list[bool]:
    """Which of the rows (frame, class, score, mask) are kept, where persons lie inside dogs."""
    rule = {"classes": ["person"], "inside": ["dog"], **keep}
    policy = Policy.model_validate({"rules": [{"classes": ["person", "bird"]}], "keep": [rule]})
    seen = detections(4, [(frame, kind, score, BOX, mask) for frame, kind, score, mask in rows])
    return [bool(value) for value in kept(seen, policy, CARD)]


FRAME = rectangle(5, 5, 25, 20)
INSIDE = rectangle(10, 8, 15, 18)


def test_what_lies_inside_is_kept_and_the_container_is_not() -> None:
    assert kept_of((1, PERSON, 0.3, INSIDE), (1, DOG, 0.9, FRAME)) == [True, False]


@given(
    corner=st.tuples(st.integers(0, 30), st.integers(0, 14)),
    share=st.floats(0.01, 1),
    score=st.floats(0, 1, width=32),
)
def test_an_instance_is_kept_exactly_from_the_rules_share_and_confidence_on(
    corner: tuple[int, int], share: float, score: float
) -> None:
    mask = rectangle(corner[0], corner[1], corner[0] + 10, corner[1] + 10)
    covered = np.count_nonzero(mask & FRAME) / np.count_nonzero(mask)
    found = kept_of((0, PERSON, 0.1, mask), (0, DOG, score, FRAME), share=share, confidence=0.5)
    assert found == [bool(covered >= share and score >= 0.5), False]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([PERSON, DOG, BIRD, TEDDY])), max_size=8
    )
)
def test_a_container_keeps_only_the_named_class_and_only_in_its_own_frame(
    rows: list[tuple[int, int]],
) -> None:
    rows = sorted(rows)
    with_container = {frame for frame, kind in rows if kind == DOG}
    expected = [kind == PERSON and frame in with_container for frame, kind in rows]
    assert kept_of(*((frame, kind, 0.9, INSIDE) for frame, kind in rows)) == expected


def test_what_is_cut_out_of_the_containers_mask_is_inside_it_all_the_same() -> None:
    hollow = FRAME & (1 - INSIDE)
    assert kept_of((0, PERSON, 0.3, INSIDE), (0, DOG, 0.9, hollow)) == [True, False]


def test_two_containers_that_each_cover_a_half_keep_nothing() -> None:
    left, right = rectangle(5, 5, 13, 20), rectangle(12, 5, 25, 20)
    rows = (0, DOG, 0.9, left), (0, PERSON, 0.3, INSIDE), (0, DOG, 0.9, right)
    assert kept_of(*rows, share=0.9) == [False, False, False]
    assert kept_of(*rows, share=0.6) == [False, True, False]


@pytest.mark.parametrize(
    ("mask", "container"),
    [
        (np.zeros((24, 40), np.uint8), FRAME),
        (INSIDE, np.zeros((24, 40), np.uint8)),
        (INSIDE, np.ones((48, 80), np.uint8)),
    ],
)
def test_in_doubt_nothing_is_kept(mask: NDArray[np.uint8], container: NDArray[np.uint8]) -> None:
    assert kept_of((0, PERSON, 0.9, mask), (0, DOG, 0.9, container)) == [False, False]


def test_several_rules_add_up() -> None:
    policy = Policy.model_validate(
        {
            "rules": [{"classes": ["person", "bird"]}],
            "keep": [
                {"classes": ["person"], "inside": ["dog"]},
                {"classes": ["bird"], "inside": ["teddy bear", "dog"]},
            ],
        }
    )
    kinds = [PERSON, BIRD, TEDDY]
    seen = detections(1, [(0, kind, 0.9, BOX, INSIDE) for kind in kinds])
    assert kept(seen, policy, CARD).tolist() == [False, True, False]


def test_without_a_keep_rule_nothing_is_kept() -> None:
    policy = Policy.model_validate({"rules": [{"classes": ["person"]}]})
    seen = detections(1, [(0, PERSON, 0.9, BOX, INSIDE)])
    assert kept(seen, policy, CARD).tolist() == [False]


def test_a_class_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(PolicyError, match="no class 'television'"):
        kept_of((0, PERSON, 0.9, INSIDE), inside=["television"])

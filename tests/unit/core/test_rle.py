from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from fearrefactor.core.rle import Mask, decode, encode

stacks = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
    elements=st.integers(0, 1),
    fill=st.sampled_from([0, 1]),
)


@given(bits=stacks)
def test_what_is_encoded_comes_back(bits: np.ndarray) -> None:
    masks = encode(bits)
    assert (decode(masks).transpose(2, 0, 1) == bits).all()
    for mask, each in zip(masks, bits, strict=True):
        assert (mask.bits() == each).all()
        assert mask.area() == each.sum()


@given(bits=stacks)
def test_any_coco_tool_reads_the_same_mask(bits: np.ndarray) -> None:
    for mask, each in zip(encode(bits), bits, strict=True):
        theirs = coco.encode(np.asfortranarray(each))
        assert theirs == {"size": list(each.shape), "counts": mask.counts.encode()}


def test_long_and_short_runs_take_turns() -> None:
    bits = np.zeros((1, 500, 300), np.uint8)
    bits[0, 100:400, ::7] = 1  # runs of 300 and 3200: counts are written as differences
    bits[0, 5, 1] = 1
    assert (encode(bits)[0].bits() == bits[0]).all()


def test_no_masks_are_encoded_as_none() -> None:
    assert encode(np.zeros((0, 4, 4), np.uint8)) == []


@pytest.mark.parametrize(
    "bits",
    [np.zeros((4, 4), np.uint8), np.zeros((1, 4, 4), bool), np.full((1, 4, 4), 255, np.uint8)],
)
def test_what_is_no_stack_of_zeros_and_ones_is_refused(bits: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"masks of 0 and 1|uint8 masks"):
        encode(bits)


@pytest.mark.parametrize("counts", ["", "0", "04", "01", "o0", "zzzz", "07", "06" + "1", "é", "0 "])
def test_counts_that_do_not_fill_their_size_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode([Mask(counts, 2, 3)])


@given(bits=stacks, extra=st.integers(1, 9))
def test_a_mask_of_another_size_than_it_claims_is_refused(bits: np.ndarray, extra: int) -> None:
    mask = encode(bits)[0]
    with pytest.raises(ValueError, match=rf"over {mask.height + extra} × {mask.width} cells"):
        Mask(mask.counts, mask.height + extra, mask.width).bits()


def test_masks_of_two_sizes_cannot_be_stacked() -> None:
    masks = [*encode(np.ones((1, 2, 3), np.uint8)), *encode(np.ones((1, 3, 2), np.uint8))]
    with pytest.raises(ValueError, match="one size"):
        decode(masks)

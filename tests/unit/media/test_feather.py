import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from noise import copies, noise_frame, region
from numpy.typing import NDArray

from fearrefactor.core.plan import Region
from fearrefactor.media.composite import composite
from fearrefactor.media.effects import EFFECTS
from fearrefactor.media.feather import Feather
from fearrefactor.media.planes import planes_of
from fearrefactor.media.stencil import Stencil, cut, onto

masks = arrays(
    np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.integers(0, 1)
).filter(lambda bits: bool(bits.any()))


def masked(
    pix_fmt: str, size: tuple[int, int], regions: list[Region]
) -> tuple[list[NDArray[np.uint16]], list[NDArray[np.uint16]]]:
    """The planes of a frame of noise, before and after."""
    frame = noise_frame(pix_fmt, *size)
    before = copies(frame)
    composite(frame, regions, 0)
    return before, copies(frame)


def depth(bits: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """How far each pixel is inside the outline, 0 outside; the frame's border is no outline."""
    stencil = cut(region(bits).mask, 0, width, height)
    inside = np.zeros((height, width), np.uint8)
    inside[stencil.top : stencil.bottom, stencil.left : stencil.right] = stencil.inside
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray", "gbrp"])
@settings(max_examples=40, deadline=None)
@given(
    bits=masks,
    size=st.tuples(st.integers(20, 90), st.integers(20, 90)),
    kind=st.sampled_from(sorted(EFFECTS)),
    feather=st.floats(0.01, 0.2),
)
def test_a_feathered_effect_changes_the_same_samples_as_a_hard_one_and_each_by_no_more(
    *, pix_fmt: str, bits: NDArray[np.uint8], size: tuple[int, int], kind: str, feather: float
) -> None:
    before, hard = masked(pix_fmt, size, [region(bits, kind, 60, color="#3070c0")])
    _, soft = masked(pix_fmt, size, [region(bits, kind, 60, color="#3070c0", feather=feather)])
    for old, full, faded in zip(before, hard, soft, strict=True):
        assert np.array_equal(faded != old, full != old)
        wanted, got = full.astype(int) - old, faded.astype(int) - old
        assert (np.abs(got) <= np.abs(wanted)).all()
        assert (got * wanted >= 0).all()


@pytest.mark.parametrize("feather", [0.05, 0.2])
def test_beyond_its_rim_a_feathered_effect_is_whole(feather: float) -> None:
    bits = np.zeros((18, 32), np.uint8)
    bits[3:, 8:22] = 1  # down to the frame's border, which is no outline
    _, hard = masked("gray", (320, 180), [region(bits, size_px=100)])
    before, soft = masked("gray", (320, 180), [region(bits, size_px=100, feather=feather)])
    deep = depth(bits, 320, 180) > feather * 100 * 1.05 + 1  # distances are not exact
    assert deep[-1].sum() > 90
    assert np.array_equal(soft[0][deep], hard[0][deep])
    change = np.abs(soft[0].astype(int) - before[0]) / np.maximum(
        np.abs(hard[0].astype(int) - before[0]), 1
    )
    share = [float(change[100, column:][:3].mean()) for column in (77, 79, 81, 83)]
    assert share == sorted(share)
    assert share[0] < 0.6


def test_where_another_region_masks_wholly_no_rim_shows() -> None:
    left, right = np.zeros((9, 16), np.uint8), np.zeros((9, 16), np.uint8)
    left[:, :9], right[:, 7:] = 1, 1
    regions = [region(left, "fill", 60, feather=0.2), region(right, "fill", 60)]
    _, soft = masked("yuv420p", (160, 90), regions)
    for plane in soft:
        assert len(np.unique(plane)) == 1  # together they cover the frame


def test_a_mask_thinner_than_its_rims_is_whole_in_its_middle() -> None:
    bits = np.zeros((18, 32), np.uint8)
    bits[8:10, 5:25] = 1
    before, soft = masked("gray", (320, 180), [region(bits, size_px=200, feather=0.2)])
    _, hard = masked("gray", (320, 180), [region(bits, size_px=200)])
    assert (soft[0][88:92, 80:220] == hard[0][88:92, 80:220]).any(axis=0).all()
    assert (soft[0] != before[0]).sum() > 0.98 * (depth(bits, 320, 180) > 0).sum()


def test_a_frame_that_is_masked_as_a_whole_has_no_rim() -> None:
    _, soft = masked("yuv420p", (63, 47), [region(np.ones((4, 4), np.uint8), feather=0.2)])
    assert all(len(np.unique(plane)) == 1 for plane in soft)


def test_the_chroma_of_an_interlaced_frame_fades_in_too() -> None:
    stencil = Stencil(11, 21, np.ones((61, 83), bool))
    feather = Feather([stencil], [12.0], (91, 161))
    _, chroma, _ = planes_of(noise_frame("yuv420p", 161, 91))
    source = chroma.samples.copy()
    laid = onto(stencil, chroma, interlaced=True)
    laid.paint(chroma, 128)
    hard = chroma.samples.copy()
    feather.fade(chroma, source, interlaced=True)
    assert np.array_equal(chroma.samples != source, hard != source)
    rows = (chroma.samples != hard).any(axis=1)
    # the first field's and the second field's first lines, and neither's line in the middle
    assert rows[laid.top : laid.top + 2].all()
    middle = (chroma.samples != hard)[
        laid.top + 8 : laid.bottom - 8, laid.left + 8 : laid.right - 8
    ]
    assert not middle.any()

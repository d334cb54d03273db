from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.media.blocks import BLOCK_PX, Layer, kept, layers, mean_squares, means

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuv420p10le", "yuva420p", "gbrp", "gray")
SIZES = {"width": st.integers(1, 70), "height": st.integers(1, 70), "seed": st.integers(0, 99)}


def noise(width: int, height: int, pix_fmt: str, seed: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pix_fmt)
    random = np.random.default_rng(seed)
    for plane in frame.planes:
        stored = np.frombuffer(memoryview(plane), np.uint8)
        stored[:] = random.integers(0, 256, stored.shape, np.uint8)
        if pix_fmt.endswith("10le"):
            stored[1::2] &= 3
    return frame


def in_blocks(values: NDArray[Any], layer: Layer) -> NDArray[np.float64]:
    """Means over blocks as one would write them down, borders filled up with the last samples."""
    height, width = values.shape
    full = np.pad(values, ((0, -height % layer.down), (0, -width % layer.across)), mode="edge")
    cells = full.reshape(-(-height // layer.down), layer.down, -1, layer.across)
    return cells.mean(axis=(1, 3), dtype=np.float64)


@given(pix_fmt=st.sampled_from(FORMATS), **SIZES)
def test_means_of_blocks_are_those_of_their_samples_in_every_format_and_size(
    pix_fmt: str, width: int, height: int, seed: int
) -> None:
    one, other = (layers(noise(width, height, pix_fmt, seed + n)) for n in (0, 1))
    for layer, second in zip(one, other, strict=True):
        apart = layer.samples.astype(np.int64) - second.samples
        assert np.array_equal(means(layer), in_blocks(layer.samples, layer))
        assert np.array_equal(mean_squares(layer, second), in_blocks(apart * apart, layer))
        # The law that spares most frames a second look.
        assert (in_blocks(apart, layer) ** 2 <= mean_squares(layer, second)).all()


@given(
    pix_fmt=st.sampled_from(FORMATS),
    edges=st.tuples(*[st.integers(0, 69)] * 4),
    **SIZES,
)
def test_a_part_of_a_picture_holds_whole_blocks_and_all_that_is_asked_for(
    pix_fmt: str, edges: tuple[int, int, int, int], width: int, height: int, seed: int
) -> None:
    top, bottom = sorted(edge % height for edge in edges[:2])
    left, right = sorted(edge % width for edge in edges[2:])
    frame = noise(width, height, pix_fmt, seed)
    within = (top, bottom + 1, left, right + 1)
    for whole, part in zip(layers(frame), layers(frame, within), strict=True):
        here = means(part)
        assert part.row == top // BLOCK_PX
        assert part.column == left // BLOCK_PX
        assert part.row + here.shape[0] == bottom // BLOCK_PX + 1
        assert part.column + here.shape[1] == right // BLOCK_PX + 1
        place = np.s_[part.row :, part.column :]
        assert np.array_equal(means(whole)[place][: here.shape[0], : here.shape[1]], here)
        assert np.array_equal(whole.part_under(part).samples, part.samples)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_what_is_kept_of_a_frame_stays_when_the_frame_is_overwritten(pix_fmt: str) -> None:
    frame = noise(40, 30, pix_fmt, 1)
    before = [layer.samples.copy() for layer in layers(frame)]
    held = kept(layers(frame))
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 0
    assert all(np.array_equal(a, b.samples) for a, b in zip(before, held, strict=True))

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st
from walk import LIMITS, expectation, index_of, masked, middle, put_together

from fearrefactor.core.gops import Gops
from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.errors import FidelityError
from fearrefactor.media.verify import verify
from fearrefactor.media.verify_pictures import stretches

if TYPE_CHECKING:
    from pathlib import Path


def gops(lengths: list[int]) -> Gops:
    edges = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Gops(edges, edges, edges, edges)


@given(
    gop=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=40),
    full=st.booleans(),
)
def test_every_rendered_gop_is_decoded_with_what_stands_around_it(
    gop: list[tuple[int, bool]], *, full: bool
) -> None:
    lengths, rendered = [n for n, _ in gop], np.array([flag for _, flag in gop])
    found = stretches(gops(lengths), rendered, "full" if full else "sampled")
    edges = np.cumsum([0, *lengths]).tolist()
    frames = [set(range(edges[one.first_gop], one.end_frame)) for one in found]
    assert all(max(one) < min(other) for one, other in itertools.pairwise(frames))
    for number in np.flatnonzero(rendered).tolist():
        (around,) = [here for here in frames if edges[number] in here]
        before, after = edges[max(number - 1, 0)], edges[number + 1]
        assert around >= set(range(before, after))
        if after < edges[-1]:
            following = edges[number + 2]
            assert around >= set(range(after, min(after + 8, following)))
    looked_at = set().union(*frames)
    assert {0, edges[-2]} <= looked_at
    if full:
        assert looked_at == set(range(edges[-1]))


@pytest.mark.parametrize("kind", ["blur", "mosaic", "fill", "background-blur"])
@pytest.mark.parametrize(
    "film",
    [
        {"pix_fmt": "yuv420p10le", "rotation_deg": 90},
        {"width": 33, "height": 17, "n_frames": 24, "pix_fmt": "yuv444p"},
        {"width": 2, "height": 2, "n_frames": 24},
        {"options": {"crf": "45"}},
    ],
)
def test_every_effect_passes_in_films_of_all_kinds(
    kind: str, film: dict[str, object], tmp_path: Path
) -> None:
    data = synthetic.plain(**film)
    index = index_of(data)
    masked(data, index, dict.fromkeys(range(3, 20, 2), (middle(kind),)), tmp_path)


@pytest.mark.parametrize(
    "film",
    [
        {"rotation_deg": 90},
        {"rotation_deg": 270, "pix_fmt": "yuv420p10le"},
        {"width": 131, "height": 77, "pix_fmt": "yuv444p"},
    ],
)
@pytest.mark.parametrize("corner", [np.s_[:6, :6], np.s_[-6:, :6], np.s_[:6, -6:], np.s_[-6:, -6:]])
def test_a_mask_in_a_corner_that_was_left_out_is_found_however_the_picture_lies(
    film: dict[str, object], corner: tuple[slice, slice], tmp_path: Path
) -> None:
    data = synthetic.plain(n_frames=12, **film)
    index = index_of(data)
    bits = np.zeros((1, 24, 40), np.uint8)
    bits[0][corner] = 1
    hidden = (Region(Effect(kind="fill", color="#ff00ff"), encode(bits)[0], 40.0),)
    path = put_together(data, index, {5: hidden}, tmp_path)
    with pytest.raises(FidelityError, match=r"frame 6 at .* expected it masked"):
        verify(io.BytesIO(data), path, expectation(data, index, {5: hidden, 6: hidden}), LIMITS)


def test_a_sample_of_copied_gops_is_decoded_where_all_is_not_asked_for(tmp_path: Path) -> None:
    data = synthetic.plain(gop=4)
    index = index_of(data)
    path = put_together(data, index, {5: (middle(),)}, tmp_path)
    expected = expectation(data, index, {5: (middle(),)}, mode="sampled")
    expected.checksums[[20, 37]] ^= 1  # of GOPs that are neither first, last nor 16th
    verify(io.BytesIO(data), path, expected, LIMITS)

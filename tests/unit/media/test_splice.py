from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np
import pytest
import synthetic
import tampered
from hypothesis import given, settings
from hypothesis import strategies as st
from walk import RENDER, copied, everywhere, index_of, linear, masked, middle

from fearrefactor.errors import FidelityError
from fearrefactor.media.h264 import SLICES
from fearrefactor.media.nal import split_annex_b
from fearrefactor.media.render import render_segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Four closed GOPs of 12 frames each, packets not in the order in which they are shown.
FILMS: dict[str, Callable[[], bytes]] = {
    "mp4": lambda: synthetic.b_frames(audio=("aac",)),
    "mkv": lambda: synthetic.b_frames(muxer="matroska"),
    "ts": lambda: synthetic.b_frames(muxer="mpegts", audio=("mp2",)),
    "fragmented": lambda: synthetic.b_frames(
        muxer_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "short lengths": tampered.short_lengths,
}


class Sent(NamedTuple):
    """A video packet as a demuxer gives it."""

    pts: int | None
    dts: int | None
    is_keyframe: bool
    data: bytes


def packets(data: bytes) -> list[Sent]:
    with av.open(io.BytesIO(data)) as container:
        return [
            Sent(packet.pts, packet.dts, packet.is_keyframe, bytes(packet))
            for packet in container.demux(video=0)
            if packet.size
        ]


def pictures(data: bytes) -> list[bytes]:
    return [bytes(nal) for nal in split_annex_b(data) if nal[0] & 0x1F in SLICES]


@pytest.mark.parametrize("name", FILMS)
@given(dirty=st.sets(st.integers(0, 3), min_size=1, max_size=3))
@settings(max_examples=4, derandomize=True, deadline=None)
def test_clean_gops_are_copied_and_dirty_ones_keep_their_places(
    name: str, tmp_path_factory: pytest.TempPathFactory, dirty: set[int]
) -> None:
    data = FILMS[name]()
    index = index_of(data)
    regions = {12 * gop + 5: (middle(),) for gop in dirty}
    folder = tmp_path_factory.mktemp("splice")
    result = masked(data, index, regions, folder).read_bytes()
    before, after = packets(data), packets(result)
    assert len(after) == len(before) == 48
    for gop in range(4):
        here = slice(12 * gop, 12 * gop + 12)
        if gop not in dirty and name not in {"ts", "mkv"}:
            assert after[here] == before[here]
        if gop not in dirty and name == "mkv":  # which has no decode times: readers guess them
            assert [p._replace(dts=0) for p in after[here]] == [
                p._replace(dts=0) for p in before[here]
            ]
        if gop not in dirty and name == "ts":  # in which parameter sets travel in the packets
            assert [pictures(p.data) for p in after[here]] == [
                pictures(p.data) for p in before[here]
            ]
        assert after[here][0].is_keyframe
        assert sorted(p.pts or 0 for p in after[here]) == sorted(p.pts or 0 for p in before[here])
    known = [(p.dts, p.pts) for p in after if p.dts is not None and name != "mkv"]
    assert all(one[0] < other[0] for one, other in itertools.pairwise(known))
    assert all(dts <= pts for dts, pts in known if pts is not None)
    changed = {
        number
        for number, (one, other) in enumerate(zip(linear(data), linear(result), strict=True))
        if one != other
    }
    assert changed <= {12 * gop + frame for gop in dirty for frame in range(12)}
    assert changed >= set(regions)


def test_a_film_in_which_every_gop_is_dirty_lists_only_rendered_parameter_sets(
    tmp_path: Path,
) -> None:
    data = synthetic.b_frames()
    index = index_of(data)
    spliced = masked(data, index, {5: (middle(),)}, tmp_path).read_bytes()
    whole = masked(data, index, everywhere(index), tmp_path).read_bytes()
    assert index_of(spliced).info.h264.free_id == 2  # type: ignore[union-attr]
    assert index_of(whole).info.h264.free_id == 0  # type: ignore[union-attr]


def test_a_transport_stream_can_be_entered_at_the_gop_after_a_rendered_one(
    tmp_path: Path,
) -> None:
    # parameter sets only in the very first packet, which is rendered and so gone
    data = tampered.sets_only_at_the_start()
    index = index_of(data)
    result = masked(data, index, {5: (middle(),)}, tmp_path).read_bytes()
    assert linear(result)[12:] == linear(data)[12:]


def test_what_was_spliced_can_be_spliced_again(tmp_path: Path) -> None:
    data = synthetic.b_frames()
    first = masked(data, index_of(data), {5: (middle(),)}, tmp_path).read_bytes()
    again = index_of(first)
    assert again.info.whole_because == ""
    second = masked(first, again, {30: (middle(),)}, tmp_path).read_bytes()
    assert linear(second)[:24] == linear(first)[:24]
    assert linear(second)[36:] == linear(data)[36:]


def test_a_gop_that_is_to_be_masked_and_copied_is_an_error() -> None:
    data = synthetic.plain()
    (first, *_) = index_of(data).tasks()
    with pytest.raises(FidelityError, match="to be masked and copied"):
        list(render_segment(io.BytesIO(data), first, {5: (middle(),)}, np.zeros(1, bool), RENDER))


def test_a_film_of_one_gop_is_copied_or_rendered(tmp_path: Path) -> None:
    data = synthetic.open_gop()
    index = index_of(data)
    assert len(index.gops) == 1
    assert linear(copied(data, index, tmp_path).read_bytes()) == linear(data)
    assert masked(data, index, {5: (middle(),)}, tmp_path).stat().st_size


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_second_view_that_nobody_inspects_is_not_in_the_result(
    codec: str, tmp_path: Path
) -> None:
    data = tampered.two_views(codec)
    index = index_of(data)
    assert index.info.layered
    result = index_of(copied(data, index, tmp_path).read_bytes())
    assert (result.n_frames, result.info.layered) == (14, False)

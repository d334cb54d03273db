from __future__ import annotations

import dataclasses
import io
import zlib
from typing import TYPE_CHECKING, cast

import av
import av.filter
import numpy as np
import pytest
import synthetic
import tampered
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import number_of
from values import video_info
from walk import RENDER, everywhere, frames_of, index_of, masked, middle, psnr, rendered

from fearrefactor.core.rle import encode
from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.encode import choose_encoder, open_encoder
from fearrefactor.media.render import mask_frame, render_segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

INSIDE = np.s_[28:68, 44:116]  # of 96 × 160: the region's middle, off its soft edge
OUTSIDE = ~np.pad(np.ones((64, 96), bool), ((16, 16), (32, 32)))

FILMS: dict[str, Callable[[], bytes]] = {
    "plain": synthetic.plain,
    "b_frames": synthetic.b_frames,
    "variable_rate": synthetic.variable_rate,
    "hidden_start": tampered.hidden_start,
    "ten_bit": lambda: synthetic.plain(pix_fmt="yuv420p10le", colours=(1, 9, 16, 9)),
    "yuv444": lambda: synthetic.plain(pix_fmt="yuv444p"),
    "full_range": lambda: synthetic.plain(colours=(2, 1, 1, 1)),
    "hevc": lambda: synthetic.plain(codec="libx265"),
    "vp9": lambda: synthetic.plain(muxer="webm", codec="libvpx-vp9", options={"crf": "20"}),
    "mpeg4_avi": lambda: synthetic.plain(muxer="avi", codec="mpeg4", options={"b": "900000"}),
    "transport": lambda: synthetic.b_frames(muxer="mpegts"),
}


def lumas(data: bytes) -> list[NDArray[np.uint8]]:
    return [
        frame.reformat(format="gray8").to_ndarray().astype(np.uint8, copy=False)
        for frame in frames_of(data, index_of(data))
    ]


@pytest.mark.parametrize("name", FILMS)
def test_frames_out_equal_frames_in_each_with_its_own_time(name: str) -> None:
    data = FILMS[name]()
    index = index_of(data)
    packets = rendered(data, index, {}, whole=True)
    assert [packet.pts for packet in packets] == index.pts.tolist()
    assert all(packet.duration > 0 for packet in packets)
    ends = [packet.pts + packet.duration for packet in packets[:-1]]
    assert ends == index.pts[1:].tolist()
    starts = {segment.first_frame for segment in index.segments}
    assert all(packets[start].is_keyframe for start in starts)


@pytest.mark.parametrize("name", FILMS)
def test_frames_without_a_region_stay_nearly_as_they_were(name: str, tmp_path: Path) -> None:
    data = FILMS[name]()
    result = masked(data, index_of(data), {}, tmp_path, whole=True).read_bytes()
    before, after = lumas(data), lumas(result)
    assert len(before) == len(after)
    assert min(psnr(*pair) for pair in zip(before, after, strict=True)) >= 38


@pytest.mark.parametrize("name", FILMS)
def test_only_the_region_changes(name: str, tmp_path: Path) -> None:
    data = FILMS[name]()
    index = index_of(data)
    result = masked(data, index, everywhere(index), tmp_path).read_bytes()
    before, after = lumas(data), lumas(result)
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        assert psnr(one[INSIDE], other[INSIDE]) < 20
        assert other[INSIDE].std() < 3  # one colour, with nothing left to see
        assert psnr(one[OUTSIDE], other[OUTSIDE]) >= 38


@given(chosen=st.sets(st.integers(0, 47), min_size=1, max_size=10))
@settings(max_examples=10)
def test_exactly_the_frames_of_the_plan_are_masked(chosen: set[int]) -> None:
    data = synthetic.b_frames()
    index = index_of(data)
    packets = rendered(data, index, dict.fromkeys(chosen, (middle(),)), whole=True)
    decoder = av.CodecContext.create("h264", "r")
    found = {}
    stream = b"".join(packet.data for packet in packets)
    extradata = _extradata(data)
    for packet in [*decoder.parse(extradata + stream), *decoder.parse(b""), None]:
        for frame in decoder.decode(packet):
            found[number_of(frame)] = frame.to_ndarray(format="gray")[INSIDE].std() < 3
    assert {number for number, flat in found.items() if flat} == chosen
    assert len(found) == 48


def _extradata(data: bytes) -> bytes:
    info = index_of(data).info
    return bytes(open_encoder(info, choose_encoder(info, RENDER)).extradata or b"")


def test_a_turned_film_is_masked_where_its_upright_picture_is(tmp_path: Path) -> None:
    data = synthetic.plain(rotation_deg=90)
    index = index_of(data)
    region = middle()
    bits = np.zeros((40, 24), np.uint8)
    bits[:10, :12] = 1  # the upright picture's upper left
    region = dataclasses.replace(region, mask=encode(bits[None])[0])
    result = masked(data, index, dict.fromkeys(range(48), (region,)), tmp_path).read_bytes()
    assert index_of(result).info.display_matrix == index.info.display_matrix
    for one, other in zip(lumas(data), lumas(result), strict=True):
        # turned by 90° clockwise to stand upright: its upper left is the coded lower left
        assert psnr(one[52:, :36], other[52:, :36]) < 25
        assert psnr(one[:44], other[:44]) >= 38
        assert psnr(one[:, 44:], other[:, 44:]) >= 38


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_an_image_comes_out_as_an_image_of_its_kind(kind: str, tmp_path: Path) -> None:
    data = synthetic.image(kind)
    index = index_of(data)
    path = masked(data, index, everywhere(index), tmp_path)
    result = path.read_bytes()
    assert path.suffix == {"mjpeg": ".jpg", "png": ".png"}[kind]
    assert index_of(result).info.codec == kind
    (before,), (after,) = lumas(data), lumas(result)
    assert psnr(before[INSIDE], after[INSIDE]) < 20
    assert psnr(before[OUTSIDE], after[OUTSIDE]) >= 38


def test_rendering_twice_gives_the_same_bytes() -> None:
    data = synthetic.b_frames()
    index = index_of(data)
    assert rendered(data, index, everywhere(index)) == rendered(data, index, everywhere(index))


def test_a_source_that_is_not_what_was_indexed_fails_and_yields_no_whole_segment() -> None:
    index = index_of(synthetic.plain())
    other = synthetic.plain(n_frames=40)
    task = index.tasks()[3]
    with pytest.raises(MediaError, match="expected 12 frames in segment 3, the decoder gave"):
        list(render_segment(io.BytesIO(other), task, {}, np.ones(1, bool), RENDER))


def test_a_transparent_or_dolby_vision_film_is_refused_before_a_frame_is_encoded() -> None:
    data = synthetic.plain()
    task = index_of(data).tasks()[0]
    for name in ("alpha", "needs_dolby_vision"):
        told = dataclasses.replace(task, info=task.info.model_copy(update={name: True}))
        with pytest.raises(UnsupportedError):
            next(render_segment(io.BytesIO(data), told, {}, np.ones(1, bool), RENDER))


@pytest.mark.parametrize("is_masked", [True, False])
def test_a_written_image_says_nothing_but_its_pixels(is_masked: bool) -> None:  # noqa: FBT001
    data = with_exif(synthetic.image("png"), b"MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02\0\0\0\x04Cam\0")
    index = index_of(data)
    regions = {0: (middle(),)} if is_masked else {}
    (packet,) = rendered(data, index, regions)
    assert b"eXIf" in data
    assert b"eXIf" not in packet.data
    assert b"Cam" not in packet.data


def with_exif(png: bytes, exif: bytes) -> bytes:
    """``png`` with an eXIf chunk behind its header."""
    check = zlib.crc32(b"eXIf" + exif)
    chunk = len(exif).to_bytes(4, "big") + b"eXIf" + exif + check.to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


def test_a_film_that_becomes_interlaced_on_its_way_is_refused() -> None:
    info = video_info()
    frame = av.VideoFrame(160, 96, "yuv420p")
    frame.pts, frame.time_base = 512, info.time_base
    graph = av.filter.Graph()
    source = graph.add_buffer(width=160, height=96, format="yuv420p", time_base=info.time_base)
    graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    graph.push(frame)
    fields = cast("av.VideoFrame", graph.pull())
    with pytest.raises(UnsupportedError, match="interlaced from the frame at pts 512 on"):
        mask_frame(fields, (), info)
    assert mask_frame(fields, (), video_info(interlaced=True)) is fields

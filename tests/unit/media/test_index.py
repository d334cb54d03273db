from __future__ import annotations

import functools
import io
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
import synthetic
import tampered
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import number_of
from walk import frames_of, index_of, linear, samples

from fearrefactor.core.settings import LIMITED, CutSettings, Limits
from fearrefactor.errors import LimitError, MediaError, UnsupportedError
from fearrefactor.media.index import _rotation, index_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.core.video import VideoIndex

RECIPES: dict[str, Callable[[], bytes]] = {
    "plain": synthetic.plain,
    "b_frames": synthetic.b_frames,
    "open_gop": synthetic.open_gop,
    "rolling_refresh": synthetic.rolling_refresh,
    "variable_rate": synthetic.variable_rate,
    "hidden_start": tampered.hidden_start,
    "hidden_b_frames": lambda: tampered.hidden_start(options={"bf": "3"}),
    "fragmented": lambda: synthetic.plain(muxer_options={"movflags": "frag_keyframe+empty_moov"}),
    "mkv": lambda: synthetic.b_frames(muxer="matroska"),
    "ts": lambda: synthetic.b_frames(muxer="mpegts", audio=("mp2",)),
    "avi": lambda: synthetic.plain(muxer="avi", codec="mpeg4", options={"b": "800000"}),
    "webm_vp8": tampered.hidden_vp8,
    "webm_vp9": lambda: synthetic.plain(
        muxer="webm", codec="libvpx-vp9", options={"b": "0", "crf": "30", "lag-in-frames": "16"}
    ),
    "ten_bit": lambda: synthetic.plain(pix_fmt="yuv420p10le"),
    "odd_444": lambda: synthetic.plain(width=161, height=97, pix_fmt="yuv444p"),
    "hevc": lambda: synthetic.plain(codec="libx265", gop=12),
    "hevc_closed": lambda: synthetic.plain(
        codec="libx265", options={"x265-params": "log-level=error:pools=1:open-gop=0:keyint=12"}
    ),
}


@functools.cache
def made(name: str) -> bytes:
    return RECIPES[name]()


@functools.cache
def shown(name: str) -> list[tuple[int | None, bytes]]:
    return linear(made(name))


@pytest.mark.parametrize("name", RECIPES)
@given(min_frames=st.integers(1, 60))
@settings(max_examples=8)
def test_every_segment_decodes_alone_to_the_frames_of_a_linear_decode(
    name: str, min_frames: int
) -> None:
    index = index_of(made(name), min_frames)
    found = [(frame.pts, samples(frame)) for frame in frames_of(made(name), index)]
    assert [pts for pts, _ in found] == [pts for pts, _ in shown(name)] == index.pts.tolist()
    assert found == shown(name)


@given(min_frames=st.integers(1, 60))
@settings(max_examples=20)
def test_segments_are_long_enough_and_follow_each_other(min_frames: int) -> None:
    index = index_of(made("b_frames"), min_frames)
    assert all(segment.n_frames >= min_frames for segment in index.segments[:-1])
    assert [segment.index for segment in index.segments] == list(range(len(index.segments)))
    for before, after in zip(index.segments, index.segments[1:], strict=False):
        assert before.end_frame == after.first_frame
        assert before.end_pts == after.start_pts
    assert sum(segment.n_packets for segment in index.segments) == index.n_packets


@pytest.mark.parametrize(
    ("name", "n_segments"),
    [
        ("plain", 4),
        ("b_frames", 4),
        ("variable_rate", 4),
        ("mkv", 4),
        ("ts", 4),
        ("avi", 4),
        ("hevc_closed", 4),
    ],
)
def test_each_closed_gop_can_be_a_segment(name: str, n_segments: int) -> None:
    assert len(index_of(made(name)).segments) == n_segments


@pytest.mark.parametrize("name", ["open_gop", "rolling_refresh"])
def test_key_frames_that_need_what_lies_before_them_do_not_cut(name: str) -> None:
    with av.open(io.BytesIO(made(name)), "r") as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) > 1
    assert len(index_of(made(name)).segments) == 1


def test_frames_that_an_edit_list_hides_are_not_counted_as_frames() -> None:
    index = index_of(made("hidden_start"))
    assert (index.n_frames, index.n_packets, index.info.n_hidden_frames) == (42, 48, 6)
    assert [number_of(frame) for frame in frames_of(made("hidden_start"), index)] == list(
        range(6, 48)
    )


def test_a_gop_that_an_edit_list_hides_as_a_whole_is_not_taken_for_a_missing_one() -> None:
    film = tampered.hidden_start(12)
    index = index_of(film)
    assert (index.n_frames, index.info.n_hidden_frames) == (36, 0)
    assert [number_of(frame) for frame in frames_of(film, index)] == list(range(12, 48))


def test_hidden_frames_of_vp8_are_packets_and_no_frames() -> None:
    index = index_of(made("webm_vp8"))
    assert (index.n_frames, index.n_packets) == (47, 48)
    assert index.info.n_hidden_frames == 1


def test_frames_of_uneven_length_keep_their_times() -> None:
    index = index_of(made("variable_rate"))
    assert len({b - a for a, b in zip(index.pts[:-1], index.pts[1:], strict=True)}) > 3
    assert float(index.info.time_base * int(index.pts[0])) == pytest.approx(8 / 90, abs=0.1)


def test_what_a_film_is_stands_in_its_info() -> None:
    data = synthetic.everything(rotation_deg=90, aspect=Fraction(4, 3), colours=(1, 9, 16, 9))
    info = index_of(data).info
    assert (info.container, info.codec, info.pix_fmt) == ("mov", "h264", "yuv420p")
    assert (info.width_px, info.height_px, info.rotation_deg) == (160, 96, 90)
    assert (info.sample_aspect_ratio, info.rate) == (Fraction(4, 3), Fraction(24))
    assert info.n_chapters == 2
    assert (info.color_range, info.color_primaries, info.color_trc, info.colorspace) == (
        1,
        9,
        16,
        9,
    )
    assert info.size_bytes == len(data)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    kept = [(stream.kind, stream.language) for stream in info.streams if stream.kept]
    assert kept == [("video", "und"), ("audio", "deu"), ("audio", "fra"), ("subtitle", "eng")]
    assert any("picture beside the film" in fact for fact in info.unusual)


@pytest.mark.parametrize("tag", ["alpha_mode", "ALPHA_MODE"])
def test_transparency_is_seen_however_its_tag_is_spelt(tag: str) -> None:
    assert index_of(tampered.called_transparent(tag)).info.alpha
    assert not index_of(made("webm_vp9")).info.alpha


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_an_image_is_a_video_of_one_frame(kind: str) -> None:
    index = index_of(synthetic.image(kind))
    assert index.info.is_image
    assert index.n_frames == len(index.segments) == 1


def test_pictures_hidden_behind_the_first_of_a_jpeg_are_not_looked_at() -> None:
    assert index_of(synthetic.image("mjpeg") * 3).n_frames == 1


LONGER: dict[str, Callable[[], bytes]] = {
    "mp4": lambda: synthetic.plain(muxer_options={"movflags": "faststart"}),
    "mkv": lambda: synthetic.plain(muxer="matroska", n_frames=96),
    "webm": lambda: synthetic.plain(muxer="webm", codec="libvpx", n_frames=96),
    "avi": lambda: synthetic.plain(muxer="avi", codec="mpeg4", n_frames=96),
}


@pytest.mark.parametrize("share", [0.5, 0.7])
@pytest.mark.parametrize("name", LONGER)
def test_half_a_file_is_truncated_even_where_its_container_says_nothing(
    name: str, share: float
) -> None:
    data = LONGER[name]()
    with pytest.raises(MediaError) as caught:
        index_of(data[: int(len(data) * share)])
    assert caught.value.code == "truncated"


def test_an_mp4_without_its_table_is_not_a_video() -> None:
    data = synthetic.plain()
    with pytest.raises(MediaError) as caught:
        index_of(data[: len(data) // 2])
    assert caught.value.code == "not_a_video"


def test_a_film_without_pictures_says_what_it_has_instead() -> None:
    with pytest.raises(MediaError, match="streams found: audio") as caught:
        index_of(synthetic.sound_only())
    assert caught.value.code == "no_video_stream"


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(max_frames=47), "max_frames"),
        (Limits(max_pixels=160 * 96 - 1), "max_pixels"),
        (Limits(max_duration_s=1.9), "max_duration_s"),
        (Limits(max_streams=1), "max_streams"),
        (Limits(max_bytes=1000), "max_bytes"),
        (Limits(max_fps=22), "max_fps"),
        (Limits(max_packets=48), "max_packets"),
        (Limits(max_metadata_bytes=10), "max_metadata_bytes"),
    ],
)
def test_a_film_beyond_a_limit_names_the_limit(limits: Limits, name: str) -> None:
    source = io.BytesIO(synthetic.plain(audio=("aac",)))
    with pytest.raises(LimitError, match=name) as caught:
        index_source(source, limits, CutSettings())
    assert LIMITED[caught.value.code.removeprefix("limit_")] == name


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_frames=47), "limit_frames"),
        (Limits(max_packets=47), "limit_packets"),
        (Limits(max_duration_s=1.9), "limit_duration"),
    ],
)
def test_a_film_whose_header_says_less_is_counted_as_it_comes(limits: Limits, code: str) -> None:
    data = bytearray(synthetic.plain(muxer="matroska"))
    at = data.index(b"\x44\x89\x88") + 3  # its Duration (RFC 9559, 5.1.2.10), in ms
    struct.pack_into(">d", data, at, 100.0)
    with pytest.raises(LimitError) as caught:
        index_source(io.BytesIO(data), limits, CutSettings())
    assert caught.value.code == code


def test_a_film_at_its_limits_is_taken() -> None:
    limits = Limits(
        max_frames=48, max_pixels=160 * 96, max_duration_s=2.1, max_streams=2, max_fps=24
    )
    index: VideoIndex = index_source(
        io.BytesIO(synthetic.plain(audio=("aac",))), limits, CutSettings()
    )
    assert index.n_frames == 48


def test_two_frames_at_one_time_are_refused() -> None:
    ticks = [512 * time for time in (*range(10), 9, *range(11, 30))]
    data = tampered.retimed(synthetic.plain(n_frames=30), ticks)
    with pytest.raises(UnsupportedError, match="share one presentation time"):
        index_of(data)


@pytest.mark.parametrize(
    ("matrix", "degrees"),
    [
        ((1, 0, 0, 0, 1, 0), 0),
        ((0, 1, 0, -1, 0, 0), 90),
        ((-1, 0, 0, 0, -1, 0), 180),
        ((0, -1, 0, 1, 0, 0), 270),
        ((-1, 0, 0, 0, 1, 0), 0),  # mirrored: people stand as they do
        ((1, 0, 0, 0, -1, 0), 180),  # flipped: they stand on their heads
        ((0, 1, 0, 1, 0, 0), 90),  # transposed: the left side is up, and mirrored
    ],
)
def test_the_picture_is_turned_so_that_people_stand(matrix: tuple[int, ...], degrees: int) -> None:
    fixed = tuple(value * 65536 for value in matrix)
    assert _rotation((*fixed, 0, 0, 1 << 30)) == degrees


def test_a_codec_that_nobody_knows_is_unsupported() -> None:
    data = synthetic.plain()
    assert data.count(b"avc1") == 2  # a brand, and the name of its samples
    with pytest.raises(UnsupportedError, match="a codec that no decoder here knows"):
        index_of(data[:100] + data[100:].replace(b"avc1", b"zzzz"))

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import av.filter
import pytest
from av.video.frame import PictureType
from ffprobe import first_frame, needs_ffprobe
from hypothesis import given
from hypothesis import strategies as st
from synthetic import luma
from values import video_info
from walk import everywhere, index_of, masked

from fearrefactor.core.h264_stream import H264Stream
from fearrefactor.core.settings import RenderSettings
from fearrefactor.errors import UnsupportedError
from fearrefactor.media.encode import choose_encoder, configure, open_encoder, without_signature
from fearrefactor.media.nal import split_annex_b

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.video.codeccontext import VideoCodecContext

RENDER = RenderSettings()


@pytest.mark.parametrize("preset", ["superfast", "veryfast", "medium", "slow"])
def test_only_the_usual_preset_searches_movement_otherwise_than_x264_means_it(preset: str) -> None:
    chosen = choose_encoder(video_info(codec="h264"), RenderSettings(preset=preset))
    assert chosen.options["preset"] == preset
    assert chosen.options.get("motion-est") == ("dia" if preset == "veryfast" else None)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "encoder"),
    [
        ("h264", "yuv420p", "libx264"),
        ("h264", "yuv420p10le", "libx264"),
        ("h264", "yuv444p", "libx264"),
        ("h264", "yuvj420p", "libx264"),
        ("hevc", "yuv420p10le", "libx265"),
        ("vp8", "yuv420p", "libvpx"),
        ("vp9", "yuv420p", "libvpx-vp9"),
        ("av1", "yuv420p", "libsvtav1"),
        ("ffv1", "bgr0", "ffv1"),
        ("mpeg4", "yuv420p", "mpeg4"),
        ("mpeg4", "yuv422p", "libx264"),
        ("mpeg2video", "yuv420p", "mpeg2video"),
        ("mpeg2video", "yuv422p", "mpeg2video"),
        ("mpeg2video", "yuv444p", "libx264"),
        ("mjpeg", "yuvj420p", "libx264"),
        ("rawvideo", "bgr24", "libx264rgb"),
        ("something new", "yuv420p", "libx264"),
    ],
)
def test_a_source_is_rendered_in_its_own_codec_or_in_h264(
    codec: str, pix_fmt: str, encoder: str
) -> None:
    info = video_info(codec=codec, pix_fmt=pix_fmt)
    chosen = choose_encoder(info, RENDER)
    assert chosen.name == encoder
    context = open_encoder(info, chosen)
    assert (context.width, context.height, context.pix_fmt) == (160, 96, pix_fmt)


@pytest.mark.parametrize(
    ("property_", "encoder"),
    [
        ({"codec": "mpeg2video", "rate": Fraction(7)}, "libx264"),
        ({"codec": "mpeg2video", "rate": Fraction(15000, 1001)}, "mpeg2video"),
        ({"codec": "mpeg2video", "width_px": 121, "height_px": 81}, "mpeg2video"),
        ({"codec": "mpeg4", "time_base": Fraction(1, 90000)}, "libx264"),
        ({"codec": "mpeg4", "time_base": Fraction(1001, 30000)}, "mpeg4"),
    ],
)
def test_a_clock_or_rate_that_an_old_codec_does_not_have_is_rendered_in_h264(
    property_: dict[str, object], encoder: str
) -> None:
    info = video_info(**property_)
    assert choose_encoder(info, RENDER).name == encoder
    assert open_encoder(info, choose_encoder(info, RENDER)).is_open


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_an_image_is_rendered_as_what_it_is(kind: str) -> None:
    pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}[kind]
    info = video_info(codec=kind, pix_fmt=pix_fmt, is_image=True)
    assert choose_encoder(info, RENDER).name == kind


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ({"interlaced": True, "codec": "hevc"}, "interlaced video: libx265 cannot encode it w"),
        ({"interlaced": True, "codec": "vp9"}, "interlaced video: libvpx-vp9 cannot"),
        ({"alpha": True}, "transparency"),
        ({"needs_dolby_vision": True}, "Dolby Vision"),
        ({"pix_fmt": "yuv420p12le"}, "pixel format yuv420p12le: libx264 cannot encode it; it ta"),
        ({"pix_fmt": "yuva420p"}, "pixel format yuva420p"),
        ({"codec": "gif", "pix_fmt": "bgra"}, "pixel format bgra"),
        ({"codec": "vp8", "pix_fmt": "yuv444p"}, "pixel format yuv444p: libvpx"),
    ],
)
def test_a_property_that_would_be_lost_is_refused_by_name(
    property_: dict[str, object], message: str
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        choose_encoder(video_info(**property_), RENDER)


def test_a_size_that_no_encoder_takes_is_refused_by_name() -> None:
    info = video_info(width_px=161, height_px=97)
    with pytest.raises(UnsupportedError, match="libx264 cannot encode 161 × 97 yuv420p"):
        open_encoder(info, choose_encoder(info, RENDER))


def frames(pix_fmt: str = "yuv420p", n_frames: int = 6) -> Iterator[av.VideoFrame]:
    for index in range(n_frames):
        frame = av.VideoFrame.from_ndarray(luma(index, 160, 96), format="gray").reformat(
            format=pix_fmt, src_color_range=1, dst_color_range=1
        )
        frame.pts = index * 512
        yield frame


def packets_of(codec: str, starts: Sequence[int] = ()) -> list[tuple[int | None, bool, bytes]]:
    info = video_info(codec=codec)
    encoder = open_encoder(info, choose_encoder(info, RENDER))
    found = []
    for index, frame in enumerate(frames()):
        frame.time_base = encoder.time_base
        frame.pict_type = PictureType.I if index in starts else PictureType.NONE
        found += [(p.pts, p.is_keyframe, bytes(p)) for p in encoder.encode(frame)]
    return found + [(p.pts, p.is_keyframe, bytes(p)) for p in encoder.encode(None)]


CODECS = ["h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4"]


@pytest.mark.parametrize("codec", CODECS)
def test_frames_leave_in_the_order_in_which_they_came(codec: str) -> None:
    assert [pts for pts, _, _ in packets_of(codec)] == [i * 512 for i in range(6)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_that_begins_a_gop_becomes_a_key_frame(codec: str) -> None:
    packets = packets_of(codec, starts=[0, 2, 5])
    assert [pts for pts, is_key, _ in packets if is_key] == [0, 2 * 512, 5 * 512]
    if codec in {"h264", "hevc"}:
        idr = {5} if codec == "h264" else {19, 20}
        for _, is_key, data in packets:
            kinds = {
                nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 for nal in split_annex_b(data)
            }
            assert bool(kinds & idr) == is_key


PROFILES = [
    ("baseline", "yuv420p", 1),
    ("main", "yuv420p", 1),
    ("high", "yuv420p", 1),
    ("high", "yuvj420p", 2),
    ("high10", "yuv420p10le", 1),
    ("high422", "yuv422p10le", 1),
]


@pytest.mark.parametrize(("profile", "pix_fmt", "color_range"), PROFILES)
def test_the_header_of_rendered_gops_does_not_depend_on_their_rate_or_quality(
    profile: str, pix_fmt: str, color_range: int
) -> None:
    sizes = []

    def header(crf: int, bit_rate: int) -> bytes:
        stream = H264Stream(profile=profile, level_idc=31, free_id=5, nal_length_bytes=4)
        info = video_info(pix_fmt=pix_fmt, color_range=color_range, h264=stream)
        chosen = choose_encoder(info, RenderSettings(crf=crf), bit_rate)
        encoder = open_encoder(info, chosen)
        packets = [p for frame in frames(pix_fmt) for p in encoder.encode(frame)]
        sizes.append(sum(p.size for p in [*packets, *encoder.encode(None)]))
        return bytes(encoder.extradata or b"")

    headers = {header(crf, rate) for crf in (10, 20, 40) for rate in (1_000, 50_000_000)}
    assert len(headers) == 1
    assert len(set(sizes)) > 2  # the settings were heard
    sps = next(nal for nal in split_annex_b(headers.pop()) if nal[0] & 0x1F == 7)
    idc = {"baseline": 66, "main": 77, "high": 100, "high10": 110, "high422": 122}[profile]
    assert (sps[1], sps[3]) == (idc, 31)
    assert sps[4] >> 3 == 0b00110  # ue(5): the id that the source leaves free


@pytest.mark.parametrize(
    ("quantiser", "told", "crf"), [(None, 20, 20), (7.2, 20, 11), (7.2, 5, 5), (34.8, 20, 20)]
)
def test_what_was_coded_finely_is_rendered_finely(
    quantiser: float | None, told: int, crf: int
) -> None:
    info = video_info(quantiser=quantiser)
    assert choose_encoder(info, RenderSettings(crf=told)).options["crf"] == str(crf)


def test_no_gop_grows_to_more_than_half_as_much_again_but_for_the_smallest() -> None:
    def cap(bit_rate: int, **changes: object) -> int:
        return int(choose_encoder(video_info(**changes), RENDER, bit_rate).options["maxrate"])

    assert cap(4_000_000) == 6_000_000
    whole = choose_encoder(video_info(bit_rate=1_000_000), RENDER)
    assert whole.options["maxrate"] == "1500000"
    assert cap(10_000) == 200_000
    assert cap(10_000, width_px=1920, height_px=1080, rate=Fraction(30)) == 1_244_160
    assert cap(10_000, rate=Fraction(90_000)) == 200_000


@pytest.mark.parametrize("level_idc", [0, 9, 10, 11, 62, 99, 255])
def test_whatever_level_a_source_claims_it_is_rendered(level_idc: int) -> None:
    stream = H264Stream(profile="high", level_idc=level_idc, free_id=1, nal_length_bytes=4)
    info = video_info(h264=stream)
    assert open_encoder(info, choose_encoder(info, RENDER)).is_open


@pytest.mark.parametrize(("pix_fmt", "is_signed"), [("yuv420p", False), ("yuv444p", True)])
def test_rendered_gops_are_not_signed_by_x264_unless_decoders_rely_on_it(
    pix_fmt: str,
    is_signed: bool,  # noqa: FBT001
) -> None:
    info = video_info(pix_fmt=pix_fmt)
    encoder = open_encoder(info, choose_encoder(info, RENDER))
    packets = [p for frame in frames(pix_fmt) for p in encoder.encode(frame)]
    first = bytes([*packets, *encoder.encode(None)][0])
    assert b"x264 - core" in first
    written = without_signature(encoder, first)
    assert (b"x264" in written) == is_signed
    assert list(split_annex_b(written))[-1] == list(split_annex_b(first))[-1]


@needs_ffprobe
@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("codec", ["h264", "mpeg2video", "mpeg4", "ffv1"])
def test_two_fields_stay_two_fields_in_their_order(codec: str, order: str, tmp_path: Path) -> None:
    info = video_info(codec=codec, interlaced=True, top_field_first=order == "tff")
    chosen = choose_encoder(info, RENDER)
    encoder = open_encoder(info, chosen)
    graph = av.filter.Graph()
    source = graph.add_buffer(width=160, height=96, format="yuv420p", time_base=encoder.time_base)
    graph.link_nodes(source, graph.add("setfield", order), graph.add("buffersink")).configure()
    packets = []
    for frame in frames():
        frame.time_base = encoder.time_base
        graph.push(frame)
        field = cast("av.VideoFrame", graph.pull())
        field.pict_type = PictureType.NONE
        packets += encoder.encode(field)
    path = tmp_path / "fields.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(chosen.name, rate=24, options=chosen.options)
        configure(cast("VideoCodecContext", stream.codec_context), info)
        stream.codec_context.time_base = encoder.time_base
        for n, packet in enumerate([*packets, *encoder.encode(None)]):
            packet.stream = stream
            packet.pts = packet.dts = n
            packet.time_base = 1 / info.rate
            out.mux(packet)
    index = index_of(path.read_bytes())
    result = masked(path.read_bytes(), index, everywhere(index), tmp_path)
    for file in (path, result):
        shown = first_frame(file, 0)
        assert shown["interlaced_frame"] == 1
        assert shown["top_field_first"] == (order == "tff")
    assert index.info.interlaced
    assert index.info.top_field_first == (order == "tff")


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_frames_give_the_same_bytes_and_parameters(codec: str) -> None:
    info = video_info(codec=codec)
    one, other = (open_encoder(info, choose_encoder(info, RENDER)) for _ in range(2))
    assert one.extradata == other.extradata
    assert packets_of(codec) == packets_of(codec)


@given(
    primaries=st.sampled_from([1, 5, 6, 9]),
    trc=st.sampled_from([1, 6, 13, 16, 18]),
    space=st.sampled_from([1, 5, 6, 9]),
    full=st.booleans(),
)
def test_colour_tags_stand_in_the_stream_itself(
    primaries: int,
    trc: int,
    space: int,
    full: bool,  # noqa: FBT001
) -> None:
    tags = {
        "color_range": 2 if full else 1,
        "color_primaries": primaries,
        "color_trc": trc,
        "colorspace": space,
    }
    info = video_info(**tags)
    encoder = open_encoder(info, choose_encoder(info, RENDER))
    frame = av.VideoFrame(160, 96, "yuv420p")
    frame.pts, frame.time_base = 0, info.time_base
    bare = bytes(encoder.extradata or b"") + b"".join(
        bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]
    )
    with av.open(io.BytesIO(bare), "r", format="h264") as container:
        next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert {name: getattr(context, name) for name in tags} == tags

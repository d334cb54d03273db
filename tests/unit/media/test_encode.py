from __future__ import annotations

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import luma
from values import video_info

from fearrefactor.core.settings import RenderSettings
from fearrefactor.errors import UnsupportedError
from fearrefactor.media.encode import choose_encoder, open_encoder

RENDER = RenderSettings()


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
        ("mpeg4", "yuv420p", "libx264"),
        ("mpeg2video", "yuv422p", "libx264"),
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


@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_an_image_is_rendered_as_what_it_is(kind: str) -> None:
    pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}[kind]
    info = video_info(codec=kind, pix_fmt=pix_fmt, is_image=True)
    assert choose_encoder(info, RENDER).name == kind


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ({"interlaced": True}, "interlaced"),
        ({"alpha": True}, "transparency"),
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


def packets_of(codec: str, n_frames: int = 6) -> list[tuple[int | None, int | None, bytes]]:
    info = video_info(codec=codec)
    encoder = open_encoder(info, choose_encoder(info, RENDER))
    found = []
    for index in range(n_frames):
        frame = av.VideoFrame.from_ndarray(luma(index, 160, 96), format="gray").reformat(
            format="yuv420p", src_color_range=1, dst_color_range=1
        )
        frame.pts, frame.time_base = index * 512, info.time_base
        found += [(p.pts, p.dts, bytes(p)) for p in encoder.encode(frame)]
    return found + [(p.pts, p.dts, bytes(p)) for p in encoder.encode(None)]


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "av1"])
def test_frames_leave_in_the_order_in_which_they_came(codec: str) -> None:
    assert [pts for pts, _, _ in packets_of(codec)] == [i * 512 for i in range(6)]


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "av1"])
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

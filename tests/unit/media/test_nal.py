from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import pytest
import synthetic

from fearrefactor.media.nal import is_clean_cut

if TYPE_CHECKING:
    from av.packet import Packet

AVCC = bytes([1, 100, 0, 30, 0xFF])  # lengths of four bytes
HVCC = bytes([1] + [0] * 20 + [0xFF])
CLOSED = {"x265-params": "log-level=error:pools=1:open-gop=0:keyint=12"}
OPEN = {"x265-params": "log-level=error:pools=1:open-gop=1:keyint=12:bframes=2"}


def packet(*nals: bytes, prefix: bool) -> Packet[Any]:
    parts = [(len(nal).to_bytes(4, "big") if prefix else b"\0\0\0\x01") + nal for nal in nals]
    return av.Packet(b"".join(parts))


def key_packets(data: bytes) -> list[tuple[Packet[Any], bytes]]:
    with av.open(io.BytesIO(data), "r") as container:
        extradata = container.streams.video[0].codec_context.extradata or b""
        return [(p, extradata) for p in container.demux(video=0) if p.is_keyframe and p.size]


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize(
    ("nals", "clean"),
    [
        ([b"\x65idr"], True),
        ([b"\x67sps", b"\x68pps", b"\x06sei", b"\x65idr"], True),
        ([b"\x41slice"], False),
        ([b"\x06recovery point", b"\x41slice"], False),
        ([b"\x41slice", b"\x65idr"], False),  # the first slice counts
        ([b"\x09aud"], False),
        ([], False),
    ],
)
def test_a_key_frame_of_h264_is_a_cut_only_if_it_is_an_idr(
    nals: list[bytes], *, clean: bool, prefix: bool
) -> None:
    assert is_clean_cut(packet(*nals, prefix=prefix), "h264", AVCC if prefix else b"") == clean


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize(
    ("kind", "clean"), [(16, True), (18, True), (19, True), (20, True), (21, False), (1, False)]
)
def test_a_key_frame_of_hevc_is_a_cut_if_it_is_idr_or_bla_and_not_if_it_is_cra(
    kind: int, *, clean: bool, prefix: bool
) -> None:
    nals = [bytes([32 << 1, 1]) + b"vps", bytes([kind << 1, 1]) + b"slice"]
    assert is_clean_cut(packet(*nals, prefix=prefix), "hevc", HVCC if prefix else b"") == clean


@pytest.mark.parametrize("muxer", ["mp4", "mpegts"])
def test_key_frames_of_encoders_are_told_apart(muxer: str) -> None:
    films = {
        "h264": (synthetic.plain(muxer=muxer), 4, 4),
        "hevc": (synthetic.plain(codec="libx265", options=CLOSED, muxer=muxer), 4, 4),
        "open hevc": (synthetic.plain(codec="libx265", options=OPEN, muxer=muxer), 4, 1),
    }
    for name, (data, n_keys, n_clean) in films.items():
        found = [is_clean_cut(p, name.split()[-1], extra) for p, extra in key_packets(data)]
        assert (len(found), sum(found)) == (n_keys, n_clean), name
        assert found[0]


def test_other_codecs_mean_what_they_say() -> None:
    assert is_clean_cut(av.Packet(b"\x00"), "vp9", b"")


@pytest.mark.parametrize("size", [0, 2**31, 2**32 - 1])
def test_a_lying_length_ends_the_search(size: int) -> None:
    data = size.to_bytes(4, "big") + b"\x41" * 20
    assert not is_clean_cut(av.Packet(data), "h264", AVCC)

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import pytest
import synthetic
import tampered
from hypothesis import given
from hypothesis import strategies as st
from walk import index_of

from fearrefactor.media.h264 import (
    PPS,
    SPS,
    ParameterSets,
    merged_header,
    with_lengths,
    with_parameter_sets,
)
from fearrefactor.media.nal import split_annex_b

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Like real ones in what is read of them: type, profile, level, id. None ends in a zero.
SPS_0 = bytes([0x67, 100, 0, 31, 0b10101100, 0xD9])
SPS_1 = bytes([0x67, 100, 0, 31, 0b01010110, 0xD9])
SPS_5 = bytes([0x67, 100, 0, 31, 0b00110110, 0xD9])
PPS_0 = bytes([0x68, 0b11101011, 0xE3])
PPS_1 = bytes([0x68, 0b01010011, 0xE3])
nals = st.lists(
    st.binary(min_size=1, max_size=20).filter(
        lambda nal: nal[-1] != 0 and b"\0\0" not in nal  # what emulation prevention sees to
    ),
    min_size=1,
    max_size=6,
)


def record(sps: Sequence[bytes], pps: Sequence[bytes], rest: bytes = b"") -> bytes:
    """A configuration record of lengths of four bytes (ISO/IEC 14496-15, 5.3.3.1)."""
    return b"".join(
        [
            b"\1\x64\0\x1f\xff",
            bytes([0xE0 | len(sps)]),
            *(len(nal).to_bytes(2, "big") + nal for nal in sps),
            bytes([len(pps)]),
            *(len(nal).to_bytes(2, "big") + nal for nal in pps),
            rest,
        ]
    )


def annex_b(units: Sequence[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def test_the_id_of_rendered_gops_is_one_that_the_source_leaves_free() -> None:
    told = ParameterSets.of_header(record([SPS_0], [PPS_0])).described()
    assert told is not None
    assert (told.profile, told.level_idc, told.free_id, told.nal_length_bytes) == (
        *("high", 31),
        *(1, 4),
    )
    both = ParameterSets.of_header(annex_b([SPS_0, SPS_5, PPS_0, PPS_1])).described()
    assert both is not None
    assert (both.free_id, both.nal_length_bytes) == (2, 0)


def test_parameter_sets_of_two_profiles_are_described_by_none() -> None:
    other = bytes([0x67, 77, 0, 31, 0b01010110, 0xD9])
    assert ParameterSets.of_header(record([SPS_0, other], [PPS_0])).described() is None


def test_a_profile_that_is_not_rendered_is_described_by_none() -> None:
    extended = bytes([0x67, 88, 0, 31, 0b10101100, 0xD9])
    assert ParameterSets.of_header(record([extended], [PPS_0])).described() is None


def test_a_set_that_comes_again_is_no_change_and_another_of_the_same_id_is() -> None:
    sets = ParameterSets.of_header(record([SPS_0], [PPS_0]))
    extradata = annex_b([SPS_0])
    sets.look_at(av.Packet(annex_b([SPS_0, PPS_0, PPS_1])), extradata)
    assert not sets.changed
    sets.look_at(av.Packet(annex_b([bytes([*PPS_0[:-1], 0xE7])])), extradata)
    assert sets.changed


def test_a_second_view_is_noticed() -> None:
    sets = ParameterSets.of_header(record([SPS_0], [PPS_0]))
    sets.look_at(av.Packet(annex_b([b"\x65\x88", b"\x74\x88"])), annex_b([SPS_0]))
    assert sets.foreign


@given(rest=st.binary(max_size=8))
def test_a_merged_record_lists_the_sets_of_both_and_keeps_the_rest(rest: bytes) -> None:
    merged = merged_header(record([SPS_0], [PPS_0], rest), annex_b([SPS_1, PPS_1, b"\6\5\1\x80"]))
    assert merged == record([SPS_0, SPS_1], [PPS_0, PPS_1], rest)
    assert sorted(ParameterSets.of_header(merged).sps) == [0, 1]


def test_a_merged_header_of_start_codes_ends_with_the_sets_of_rendered_gops() -> None:
    merged = merged_header(annex_b([SPS_0, PPS_0]), annex_b([SPS_1, PPS_1]))
    assert [bytes(nal) for nal in split_annex_b(merged)] == [SPS_0, PPS_0, SPS_1, PPS_1]


@given(units=nals)
def test_a_packet_with_lengths_holds_the_same_units(units: list[bytes]) -> None:
    data = with_lengths(annex_b(units), 4)
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    assert found == units


def test_a_packet_gets_the_sets_that_it_lacks_behind_its_delimiter() -> None:
    delimiter, picture = b"\x09\xf0", b"\x65\x88\x84"
    packet = with_parameter_sets(annex_b([delimiter, SPS_0, picture]), annex_b([SPS_0, PPS_0]))
    assert [bytes(nal) for nal in split_annex_b(packet)] == [delimiter, PPS_0, SPS_0, picture]


@pytest.mark.parametrize("muxer", ["mp4", "matroska", "mpegts"])
def test_a_real_film_is_described_and_can_be_spliced(muxer: str) -> None:
    info = index_of(synthetic.b_frames(muxer=muxer)).info
    assert info.whole_because == ""
    assert info.h264 is not None
    assert (info.h264.profile, info.h264.free_id) == ("high", 1)
    assert info.h264.nal_length_bytes == (0 if muxer == "mpegts" else 4)


@pytest.mark.parametrize(
    ("film", "why"),
    [
        (lambda: synthetic.plain(codec="libvpx-vp9", muxer="webm"), "vp9 is not spliced"),
        (lambda: synthetic.plain(muxer="flv"), "the container flv is not spliced"),
        (lambda: synthetic.plain(pix_fmt="yuv444p"), "4:4:4 of two encoders"),
        (tampered.two_films_in_one_stream, "parameter sets change on the way"),
    ],
    ids=["vp9", "flv", "444", "two films"],
)
def test_what_cannot_be_spliced_says_why(film: object, why: str) -> None:
    assert why in index_of(film()).info.whole_because  # type: ignore[operator]


def test_the_sets_that_are_kept_are_those_of_their_types() -> None:
    header = annex_b([SPS_0, PPS_0, b"\6\5\1\x80"])
    kinds = [nal[0] & 0x1F for nal in split_annex_b(header)]
    assert kinds[:2] == [SPS, PPS]
    assert len(ParameterSets.of_header(header).sps) == 1
    with av.open(io.BytesIO(synthetic.plain())) as container:
        extradata = container.streams.video[0].codec_context.extradata or b""
    assert list(ParameterSets.of_header(extradata).pps) == [0]

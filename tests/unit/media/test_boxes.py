from __future__ import annotations

import contextlib
import functools
import io

import bombs
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st
from tampered import dolby_vision, with_box

from fearrefactor.errors import UnsupportedError
from fearrefactor.media.boxes import n_samples, sample_entries


@functools.cache
def film() -> bytes:
    return synthetic.plain(audio=("aac",), n_frames=4)


def kinds_of(data: bytes) -> list[str]:
    return [entry.kind for entry in sample_entries(io.BytesIO(data), len(data))]


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


@pytest.mark.parametrize("movflags", ["faststart", "frag_keyframe+empty_moov", "rtphint"])
def test_the_entries_of_all_tracks_are_found_wherever_the_table_stands(movflags: str) -> None:
    data = synthetic.plain(
        audio=("aac",), n_frames=4, muxer_options={} if not movflags else {"movflags": movflags}
    )
    assert kinds_of(data)[:2] == ["avc1", "mp4a"]


def test_a_picture_s_entry_shows_its_boxes() -> None:
    data = dolby_vision()
    (entry,) = sample_entries(io.BytesIO(data), len(data))
    assert entry.kind == "hev1"
    assert {"dvvC", "hvcC"} <= entry.boxes.keys()
    assert entry.boxes["dvvC"][:3] == bytes([1, 0, 16])


def test_a_box_in_the_long_form_and_one_to_the_end_of_the_file_are_walked() -> None:
    start, end = film().index(b"moov") - 4, len(film())
    (size,) = (int.from_bytes(film()[start : start + 4], "big"),)
    assert start + size == end  # the table is the last box
    long = (1).to_bytes(4, "big") + b"moov" + (size + 8).to_bytes(8, "big")
    assert kinds_of(film()[:start] + long + film()[start + 8 :]) == ["avc1", "mp4a"]
    endless = (0).to_bytes(4, "big") + film()[start + 4 :]
    assert kinds_of(film()[:start] + endless) == ["avc1", "mp4a"]


def test_a_box_that_says_it_is_larger_than_its_parent_ends_with_it() -> None:
    data = with_box(film(), b"avcC", b"\x7f\xff\xff\xffxxxx")
    (entry, _) = sample_entries(io.BytesIO(data), len(data))
    assert len(entry.boxes["xxxx"]) == 64


def test_more_boxes_than_any_honest_file_has_are_not_walked() -> None:
    data = box(b"free") * 20_001 + film()
    with pytest.raises(UnsupportedError, match="more than 20000 boxes"):
        kinds_of(data)


@given(data=st.binary(max_size=400))
def test_rubbish_has_no_entries_and_does_no_harm(data: bytes) -> None:
    assert kinds_of(data) == []


@given(data=st.data())
def test_a_damaged_table_ends_the_walk_and_no_more(data: st.DataObject) -> None:
    changed = bytearray(film())
    first = film().index(b"moov") - 4
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(first, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(first, len(changed)))
    with contextlib.suppress(UnsupportedError):
        for entry in sample_entries(io.BytesIO(bytes(changed[:cut])), cut):
            assert all(len(payload) <= 64 for payload in entry.boxes.values())


def test_the_samples_of_all_tracks_are_counted_as_their_tables_promise_them() -> None:
    data = film()
    honest = n_samples(io.BytesIO(data), len(data))
    assert 4 < honest < 20  # four pictures, and sound
    lying = bombs.claiming_frames(4_000_000_000)
    assert n_samples(io.BytesIO(lying), len(lying)) == 4_000_000_000


def test_a_compressed_header_is_refused_and_a_way_out_is_named() -> None:
    packed = box(b"ftyp", b"qt  ") + box(b"moov", box(b"cmov", box(b"dcom", b"zlib")))
    with pytest.raises(UnsupportedError, match="ffmpeg -i FILE -c copy"):
        n_samples(io.BytesIO(packed), len(packed))

from __future__ import annotations

import io
import struct

import bombs
import cv2
import numpy as np
import pytest
import synthetic
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.media.source import head_of
from fearrefactor.media.stills import picture_size, unpacked_text_bytes


def size(data: bytes) -> tuple[int, int] | None:
    return picture_size(io.BytesIO(data), head_of(io.BytesIO(data)))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", "lossless .webp", ".gif"])
def test_the_size_of_a_picture_is_read_from_what_an_encoder_wrote(suffix: str) -> None:
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix.startswith("lossless") else []
    picture = np.full((61, 83, 3), 99, np.uint8)
    written, data = cv2.imencode(suffix[-5:].strip(), picture, lossless)
    assert written
    assert size(data.tobytes()) == (83, 61)


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
def test_each_kind_of_webp_says_its_size(kind: bytes) -> None:
    assert size(bombs.webp(kind, 12_000, 9_000)) == (12_000, 9_000)


def test_a_film_says_nothing_here() -> None:
    assert size(synthetic.plain(n_frames=1)) is None


@given(
    head=st.sampled_from(
        [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\xff\xd8\xff", b"RIFF1234WEBP"]
    ),
    noise=st.binary(max_size=200),
)
def test_noise_behind_magic_bytes_does_no_harm(head: bytes, noise: bytes) -> None:
    found = size(head + noise)
    assert found is None or min(found) >= 0
    assert unpacked_text_bytes(io.BytesIO(head + noise), 1000) <= 1001


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_packed_text_is_counted_as_it_is_when_it_is_unpacked(kind: bytes) -> None:
    data = bombs.packed_text(kind, 2 << 20)
    assert len(data) < 5000
    assert unpacked_text_bytes(io.BytesIO(data), 4 << 20) == 2 << 20
    assert unpacked_text_bytes(io.BytesIO(data), 1000) > 1000


def test_a_long_name_in_front_of_packed_text_is_no_way_around() -> None:
    data = bombs.packed_text(b"zTXt", 2 << 20).replace(b"Comment", b"C" * 5000)
    at = data.index(b"zTXt") - 4
    longer = struct.unpack_from(">I", data, at)[0] + 5000 - len(b"Comment")
    data = data[:at] + struct.pack(">I", longer) + data[at + 4 :]
    assert unpacked_text_bytes(io.BytesIO(data), 1 << 20) > 1 << 20


def test_an_ordinary_picture_has_next_to_no_text() -> None:
    assert unpacked_text_bytes(io.BytesIO(synthetic.image("png")), 4 << 20) == 0

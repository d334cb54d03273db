from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import av
import av.error
import pytest
import synthetic
import tampered
from hypothesis import given
from hypothesis import strategies as st
from intruders import Canary, Listener
from lures import PLAYLISTS
from walk import frames_of, index_of, linear, samples

from fearrefactor.errors import MediaError
from fearrefactor.media import source as source_module
from fearrefactor.media.source import open_source, size_of, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEADS = {
    "mov": b"\0\0\0\x20ftypisom",
    "matroska": b"\x1aE\xdf\xa3\x01\0\0\0",
    "mpegts": (b"G" + bytes(187)) * 2,
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "flv": b"FLV\x01\x05\0\0\0",
    "ogg": b"OggS\0\x02",
    "mpeg": b"\0\0\x01\xba",
    "asf": b"0&\xb2u\x8ef\xcf\x11",
    "jpeg_pipe": b"\xff\xd8\xff\xe0",
    "png_pipe": b"\x89PNG\r\n\x1a\n",
    "webp_pipe": b"RIFF\0\0\0\0WEBPVP8 ",
    "gif": b"GIF89a" + bytes(182) + b"G" + bytes(100),  # a G where MPEG-TS would have one, too
}


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """A real film that only a playlist would open."""
    path = tmp_path / "canary.mp4"
    path.write_bytes(synthetic.plain(width=32, height=32, n_frames=4))
    watched = Canary(path)
    yield watched
    watched.close()


def playlist(name: str, listener: Listener, canary: Canary) -> bytes:
    return PLAYLISTS[name].format(http=listener.address, canary=canary.path).encode()


@pytest.mark.parametrize(("name", "head"), HEADS.items())
def test_a_format_is_known_by_its_first_bytes(name: str, head: bytes) -> None:
    assert sniff(head) == name


@given(head=st.binary(max_size=200))
def test_noise_is_never_guessed_at(head: bytes) -> None:
    if sniff(head) is None:
        with pytest.raises(MediaError) as caught:
            open_source(io.BytesIO(head))
        assert caught.value.code == ("not_a_video" if head else "empty_file")
    else:
        assert sniff(head + b"more") == sniff(head)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("mov", synthetic.plain),
        ("matroska", lambda: synthetic.plain(muxer="matroska")),
        ("mpegts", lambda: synthetic.plain(muxer="mpegts")),
        ("avi", lambda: synthetic.plain(muxer="avi", codec="mpeg4")),
        ("jpeg_pipe", lambda: synthetic.image("mjpeg")),
        ("png_pipe", lambda: synthetic.image("png")),
    ],
)
def test_what_muxers_write_is_opened_as_what_it_is(name: str, make: Callable[[], bytes]) -> None:
    source = io.BytesIO(make())
    container, found = open_source(source)
    with container:
        assert found == name
        assert container.streams.video


def test_nothing_is_an_empty_file() -> None:
    with pytest.raises(MediaError, match="0 bytes") as caught:
        open_source(io.BytesIO())
    assert caught.value.code == "empty_file"


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_named_mp4_is_refused_and_opens_nothing(
    name: str, listener: Listener, canary: Canary
) -> None:
    with pytest.raises(MediaError) as caught:
        index_of(playlist(name, listener, canary))
    assert caught.value.code == "not_a_video"
    assert listener.asked == []
    assert not canary.was_opened()


def test_opened_without_a_guard_the_same_playlists_reach_out(
    listener: Listener, canary: Canary, tmp_path: Path
) -> None:
    for name, file_name in (("m3u8", "x.m3u8"), ("ffconcat", "upload.mp4")):
        path = tmp_path / file_name
        path.write_bytes(playlist(name, listener, canary))
        options = {
            "m3u8": {"protocol_whitelist": "file,http,tcp"},
            "ffconcat": {"safe": "0"},
        }[name]
        with (
            contextlib.suppress(av.error.FFmpegError),
            av.open(str(path), "r", options=options) as unguarded,
        ):
            list(unguarded.demux())
    assert "/a.ts" in listener.asked
    assert canary.was_opened()


@pytest.mark.parametrize(("name", "fooled"), [("m3u8", "hls"), ("ffconcat", "concat")])
def test_were_the_sniffer_fooled_the_protocols_would_still_be_shut(
    name: str,
    fooled: str,
    listener: Listener,
    canary: Canary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source_module, "sniff", lambda _: fooled)
    with pytest.raises(MediaError):
        index_of(playlist(name, listener, canary))
    assert listener.asked == []
    assert not canary.was_opened()


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("name", ["m3u8", "ffconcat", "m3u8 of a file"])
def test_a_playlist_behind_the_magic_bytes_of_a_film_is_refused_and_opens_nothing(
    name: str, head: bytes, listener: Listener, canary: Canary
) -> None:
    text = playlist(name, listener, canary)
    for data in (head + text, head[:16] + b"\n" + text, head + b"\n" * 600 + text):
        with pytest.raises(MediaError):
            index_of(data)
    assert listener.asked == []
    assert not canary.was_opened()


@pytest.mark.parametrize("scheme", ["http", "file", "bare path"])
def test_a_film_whose_table_points_to_another_file_is_not_followed(
    scheme: str, listener: Listener, canary: Canary
) -> None:
    where = {"http": f"{listener.address}/x", "file": f"file://{canary.path}"}
    data = tampered.pointing_elsewhere(where.get(scheme, str(canary.path)))
    frames = linear(synthetic.plain())
    try:
        found = [(frame.pts, samples(frame)) for frame in frames_of(data, index_of(data))]
    except MediaError:
        found = frames
    assert found == frames  # refused, or read from the file itself
    assert listener.asked == []
    assert not canary.was_opened()


def test_the_size_of_a_source_is_known_without_reading_it() -> None:
    source = io.BytesIO(b"x" * 1000)
    source.seek(17)
    assert size_of(source) == 1000
    assert source.tell() == 0


@pytest.mark.parametrize("name", ["mov", "matroska", "avi", "ogg", "flv", "asf", "mpegts"])
@given(noise=st.binary(min_size=1, max_size=2000))
def test_noise_behind_magic_bytes_is_a_media_error_and_nothing_else(
    name: str, noise: bytes
) -> None:
    with pytest.raises(MediaError):
        index_of(HEADS[name] + noise)

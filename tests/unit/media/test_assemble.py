from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import synthetic
import tampered
from synthetic import GPS, OWNER
from walk import (
    RENDER,
    copied,
    everywhere,
    frames_of,
    index_of,
    linear,
    masked,
    middle,
    packed,
    rendered,
)

from fearrefactor.errors import FidelityError
from fearrefactor.media.assemble import assemble
from fearrefactor.media.splice import Splice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILMS: dict[str, Callable[[], bytes]] = {
    "mp4": synthetic.everything,
    "b_frames": lambda: synthetic.b_frames(audio=("aac",)),
    "fragmented": lambda: synthetic.plain(
        audio=("aac",), muxer_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "mov_pcm": lambda: synthetic.plain(muxer="mov", audio=("pcm_s16le", "aac"), rotation_deg=270),
    "mov": lambda: synthetic.everything(muxer="mov", cover=False),
    "mkv": lambda: synthetic.everything(muxer="matroska", subtitles="subrip", cover=False),
    "webm": lambda: synthetic.plain(
        muxer="webm", codec="libvpx-vp9", audio=("libopus",), options={"crf": "30"}
    ),
    "ts": lambda: synthetic.b_frames(muxer="mpegts", audio=("mp2",)),
    "avi": lambda: synthetic.plain(
        muxer="avi", codec="mpeg4", audio=("mp2",), options={"b": "900000"}
    ),
}


def tracks(data: bytes) -> list[tuple[str, str, list[bytes]]]:
    """(kind, language, packets) of all streams beside the pictures."""
    with av.open(io.BytesIO(data), "r") as container:
        kept: dict[int, tuple[str, str, list[bytes]]] = {
            stream.index: (stream.type, stream.language or "und", [])
            for stream in container.streams
            if stream.type in {"audio", "subtitle"}
        }
        for packet in container.demux():
            silent = bytes(packet) == b"\0\0"  # "no subtitle": a muxer adds one at the end
            if packet.size and packet.stream_index in kept and not silent:
                kept[packet.stream_index][2].append(bytes(packet))
        return list(kept.values())


def starts(data: bytes) -> list[float]:
    with av.open(io.BytesIO(data), "r") as container:
        first: dict[int, float] = {}
        for packet in container.demux():
            if packet.size and packet.pts is not None and packet.time_base:
                first.setdefault(packet.stream_index, float(packet.pts * packet.time_base))
        heard_or_seen = [s.index for s in container.streams if s.type in {"video", "audio"}]
        return [first[index] for index in heard_or_seen if index in first]


def parts(data: bytes) -> dict[str, Any]:
    with av.open(io.BytesIO(data), "r") as container:
        return {
            "kinds": [stream.type for stream in container.streams],
            "tags": dict(container.metadata),
            "chapters": [chapter["metadata"].get("title") for chapter in container.chapters()],
        }


@pytest.mark.parametrize("name", FILMS)
def test_sound_and_subtitles_are_the_same_bytes_in_the_same_language(
    name: str, tmp_path: Path
) -> None:
    data = FILMS[name]()
    index = index_of(data)
    result = masked(data, index, everywhere(index), tmp_path).read_bytes()
    before = tracks(data)
    assert [track for track in tracks(result) if track[2]] == before
    assert before
    assert all(packets for _, _, packets in before)
    assert starts(result) == pytest.approx(starts(data)[: len(starts(result))], abs=0.001)


@pytest.mark.parametrize("name", [name for name in FILMS if name != "avi"])
def test_a_clean_film_is_copied_picture_for_picture(name: str, tmp_path: Path) -> None:
    data = FILMS[name]()
    result = copied(data, index_of(data), tmp_path).read_bytes()
    assert [shown for _, shown in linear(result)] == [shown for _, shown in linear(data)]
    assert [track for track in tracks(result) if track[2]] == tracks(data)


def test_b_frames_survive_a_copy_with_their_times(tmp_path: Path) -> None:
    data = synthetic.b_frames()
    assert linear(copied(data, index_of(data), tmp_path).read_bytes()) == linear(data)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("name", ["mov", "mkv"])
def test_title_and_chapters_stay_and_names_of_people_and_places_go(
    name: str, tmp_path: Path, *, copy: bool
) -> None:
    data = FILMS[name]()
    assert GPS[:8].encode() in data
    assert OWNER.encode() in data
    index = index_of(data)
    path = copied(data, index, tmp_path) if copy else masked(data, index, {}, tmp_path, whole=True)
    result = path.read_bytes()
    found = parts(result)
    assert {key.lower(): value for key, value in found["tags"].items()}["title"] == "Holiday"
    assert found["chapters"] == ["Arrival", "Departure"]
    assert GPS[:8].encode() not in result
    assert OWNER.encode() not in result


def test_a_policy_may_keep_texts_by_name(tmp_path: Path) -> None:
    data = FILMS["mov"]()
    index = index_of(data)
    splice = Splice(index.info, index.gops, np.zeros(len(index.gops), bool), RENDER)
    path = assemble(io.BytesIO(data), splice, [], tmp_path, ["ARTIST"])
    tags = parts(path.read_bytes())["tags"]
    assert (tags["title"], tags["artist"]) == ("Holiday", OWNER)
    assert GPS[:8].encode() not in path.read_bytes()


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("make", [synthetic.everything, lambda: synthetic.plain(second_video=True)])
def test_a_cover_or_a_second_picture_is_left_out(
    make: Callable[[], bytes], tmp_path: Path, *, copy: bool
) -> None:
    data = make()
    assert parts(data)["kinds"].count("video") == 2
    index = index_of(data)
    path = copied(data, index, tmp_path) if copy else masked(data, index, {}, tmp_path, whole=True)
    assert parts(path.read_bytes())["kinds"].count("video") == 1
    assert synthetic.image("mjpeg") not in path.read_bytes()


def test_frames_that_are_never_shown_are_not_rendered_into_the_result(tmp_path: Path) -> None:
    data = tampered.hidden_start(audio=("aac",))
    index = index_of(data)
    result = masked(data, index, {}, tmp_path, whole=True).read_bytes()
    found = index_of(result)
    assert (found.n_packets, found.n_frames, found.info.n_hidden_frames) == (42, 42, 0)
    numbers = [synthetic.number_of(frame) for frame in frames_of(result, found)]
    assert numbers == list(range(6, 48))


def test_only_the_gop_with_frames_that_are_never_shown_is_rendered(tmp_path: Path) -> None:
    data = tampered.hidden_start(audio=("aac",))
    index = index_of(data)
    assert index.to_render([]).tolist() == [True, False, False, False]
    result = copied(data, index, tmp_path).read_bytes()
    assert index_of(result).info.n_hidden_frames == 0
    before, after = linear(data), linear(result)
    assert [pts for pts, _ in after] == [pts for pts, _ in before]
    assert [samples for _, samples in after[6:]] == [samples for _, samples in before[6:]]
    assert len(after) == 42


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda packets: packets[:-1], "fewer packets were rendered"),
        (lambda packets: [*packets, packets[-1]], "more packets were rendered"),
        (lambda _: [], "fewer packets were rendered"),
    ],
)
def test_another_number_of_packets_than_frames_is_no_result(
    change: Callable[[list[Any]], list[Any]], message: str, tmp_path: Path
) -> None:
    data = synthetic.plain(audio=("aac",))
    index = index_of(data)
    files = packed(change(rendered(data, index, {}, whole=True)), tmp_path)
    splice = Splice(index.info, index.gops, np.ones(len(index.gops), bool), RENDER)
    with pytest.raises(FidelityError, match=message):
        assemble(io.BytesIO(data), splice, files, tmp_path)


@pytest.mark.parametrize("n_packets", [0, 2])
def test_an_image_is_one_packet(n_packets: int, tmp_path: Path) -> None:
    data = synthetic.image("png")
    index = index_of(data)
    files = packed(rendered(data, index, {}) * n_packets, tmp_path)
    splice = Splice(index.info, index.gops, np.ones(1, bool), RENDER)
    with pytest.raises(FidelityError, match=f"an image has one frame; {n_packets} were rendered"):
        assemble(io.BytesIO(data), splice, files, tmp_path)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("mp4", ".mp4"), ("mov_pcm", ".mov"), ("mkv", ".mkv"), ("webm", ".webm"), ("ts", ".ts")],
)
def test_a_result_lies_in_the_container_of_its_source(
    name: str, suffix: str, tmp_path: Path
) -> None:
    data = FILMS[name]()
    assert masked(data, index_of(data), {}, tmp_path, whole=True).suffix == suffix


def test_a_subtitle_that_ends_is_ended_once(tmp_path: Path) -> None:
    data = synthetic.plain(subtitles="mov_text")
    result = copied(data, index_of(data), tmp_path).read_bytes()
    counts = []
    for film in (data, result):
        with av.open(io.BytesIO(film), "r") as container:
            lines = [bytes(packet) for packet in container.demux(subtitles=0) if packet.size]
            counts.append(lines.count(b"\0\0"))
    assert counts == [2, 3]  # between the lines, and behind the last one


@pytest.mark.parametrize("muxer", ["mp4", "mov"])
def test_a_shape_of_pixels_that_only_the_container_tells_stays(muxer: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    source = synthetic.plain()
    with av.open(io.BytesIO(source), "r") as found, av.open(file, "w", format=muxer) as out:
        stream = out.add_stream_from_template(found.streams.video[0], opaque=True)
        stream.codec_context.sample_aspect_ratio = Fraction(5, 4)
        for packet in found.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux_one(packet)
    index = index_of(file.getvalue())
    assert index.info.sample_aspect_ratio == Fraction(5, 4)
    for path in (
        copied(file.getvalue(), index, tmp_path),
        masked(file.getvalue(), index, {5: (middle(),)}, tmp_path),
    ):
        assert index_of(path.read_bytes()).info.sample_aspect_ratio == Fraction(5, 4)

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest
import synthetic
import tampered
from walk import LIMITS, RENDER, everywhere, expectation, index_of, masked, packed, rendered

from fearrefactor.errors import FidelityError
from fearrefactor.media.assemble import assemble
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from av.packet import Packet

    from fearrefactor.core.video import VideoIndex
    from fearrefactor.media.packets import EncodedPacket

SOURCE = synthetic.Recipe(audio=("aac",), rotation_deg=90, chapters=("One", "Two"))


def remuxed(
    data: bytes,
    change: Callable[[int, int, Packet[Any]], bool],
    *,
    rotation: int | None = None,
    chapters: bool = True,
) -> bytes:
    """``data`` with packets changed or left out: ``change(stream, number, packet)`` keeps one."""
    file = io.BytesIO()
    options = {"movie_timescale": "12288"}
    with (
        av.open(io.BytesIO(data), "r") as found,
        av.open(file, "w", format="mp4", container_options=options) as out,
    ):
        streams = [*found.streams.video[:1], *found.streams.audio]
        targets = {s.index: out.add_stream_from_template(s, opaque=True) for s in streams}
        for stream in streams:
            targets[stream.index].metadata.update(stream.metadata)
        if rotation is not None:
            target: Any = targets[streams[0].index]
            target.set_display_rotation(rotation)
        if chapters:
            out.set_chapters(found.chapters())
        counts = dict.fromkeys(targets, 0)
        for packet in found.demux(streams):
            if packet.size:
                index = packet.stream_index
                number, counts[index] = counts[index], counts[index] + 1
                if change(index, number, packet):
                    packet.stream = targets[index]
                    out.mux_one(packet)
    return file.getvalue()


def keep(_stream: int, _number: int, _packet: Packet[Any]) -> bool:
    return True


def check(data: bytes, result: bytes, folder: Path) -> None:
    path = folder / "sabotaged"
    path.write_bytes(result)
    verify(io.BytesIO(data), path, expectation(data, index_of(data), {}), LIMITS)


def assembled(
    data: bytes, index: VideoIndex, packets: Sequence[EncodedPacket], folder: Path
) -> Path:
    splice = Splice(index.info, index.gops, index.to_render(everywhere(index)), RENDER)
    return assemble(io.BytesIO(data), splice, packed(packets, folder), folder)


def drop(stream: int, number: int) -> Callable[[int, int, Packet[Any]], bool]:
    return lambda *at: at[:2] != (stream, number)


def shift(stream: int, first: int, ticks: int) -> Callable[[int, int, Packet[Any]], bool]:
    def change(found: int, number: int, packet: Packet[Any]) -> bool:
        if found == stream and number >= first:
            packet.pts = (packet.pts or 0) + ticks
            packet.dts = (packet.dts or 0) + ticks
        return True

    return change


def test_an_honest_copy_passes(tmp_path: Path) -> None:
    data = synthetic.film(SOURCE)
    check(data, remuxed(data, keep), tmp_path)


@pytest.mark.parametrize(
    ("sabotage", "message"),
    [
        (lambda data: remuxed(data, drop(0, 30)), "frames: expected 48, the result has 47|cannot"),
        (lambda data: remuxed(data, drop(0, 47)), "frames: expected 48, the result has 47"),
        (lambda data: remuxed(data, drop(1, 20)), "track 0 .aac.: expected 95 packets, got 94"),
        (lambda data: remuxed(data, drop(1, 0)), "track 0"),
        (lambda data: remuxed(data, lambda s, *_: s == 0), "copied tracks: expected 1, got 0"),
        (lambda data: remuxed(data, shift(0, 24, 7)), "time of frame 24: expected 1 s"),
        (lambda data: remuxed(data, shift(0, 47, 1)), "time of frame 47"),
        (lambda data: remuxed(data, shift(1, 0, 480)), "track 0 .aac.: starts 0.0100 s off"),
        (lambda data: remuxed(data, keep, rotation=90), "rotation_deg: expected 90, got 270"),
        (lambda data: remuxed(data, keep, chapters=False), "chapters: expected 2, got 0"),
        (lambda data: data[: len(data) // 2], "cannot be read back"),
        (lambda _: b"", "cannot be read back: the file has 0 bytes"),
        (lambda _: b"#EXTM3U\n", "cannot be read back: not a video"),
    ],
)
def test_a_result_that_lost_something_is_caught(
    sabotage: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    data = synthetic.film(SOURCE)
    with pytest.raises(FidelityError, match=message) as caught:
        check(data, sabotage(data), tmp_path)
    assert caught.value.code == "fidelity"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 176}, "width_px: expected 160, got 176"),
        ({"height": 112}, "height_px: expected 96, got 112"),
        ({"pix_fmt": "yuv422p"}, "pix_fmt: expected yuv420p, got yuv422p"),
        ({"rotation_deg": 0}, "rotation_deg: expected 90, got 0"),
        ({"aspect": Fraction(4, 3)}, "sample aspect ratio"),
        ({"colours": (1, 9, 16, 9)}, "color_primaries: expected 1, got 9"),
        ({"colours": (2, 1, 1, 1)}, "color_range: expected 1, got 2|pix_fmt"),
        ({"second_video": True}, "the result holds stream 2: a second video track"),
        ({"cover": True}, "the result holds stream .: a picture beside the film"),
        ({"audio": ("aac", "aac")}, "copied tracks: expected 1, got 2"),
        ({"audio": ("mp2",)}, "track 0 .aac.: (expected|its bytes)"),
        ({"n_frames": 47}, "frames: expected 48, the result has 47"),
        ({"rate": 25}, "time of frame 1: expected 1/24 s, got 1/25 s"),
        ({"chapters": ("One",)}, "chapters: expected 2, got 1"),
    ],
)
def test_a_film_of_other_properties_is_not_the_result(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(FidelityError, match=message):
        check(synthetic.film(SOURCE), synthetic.film(replace(SOURCE, **change)), tmp_path)


def test_sound_of_the_same_length_with_other_bytes_is_caught(tmp_path: Path) -> None:
    data = synthetic.film(SOURCE)
    with av.open(io.BytesIO(data), "r") as container:
        victim = [bytes(p) for p in container.demux(audio=0) if p.size][40]
    changed = data.replace(victim, victim[:-1] + bytes([victim[-1] ^ 1]))
    assert changed != data
    with pytest.raises(FidelityError, match=r"track 0 .aac.: its bytes have changed"):
        check(data, changed, tmp_path)


def test_a_frame_that_does_not_decode_is_caught(tmp_path: Path) -> None:
    data = synthetic.film(SOURCE)
    with av.open(io.BytesIO(data), "r") as container:
        victim = [bytes(p) for p in container.demux(video=0) if p.size][24]
    changed = data.replace(victim, victim[:40] + bytes(len(victim) - 40))
    with pytest.raises(FidelityError, match="packet 24 was to be copied: its bytes have changed"):
        check(data, changed, tmp_path)


def test_a_copy_that_still_holds_hidden_frames_is_caught(tmp_path: Path) -> None:
    data = tampered.hidden_start()
    with pytest.raises(FidelityError, match=r"hidden frames"):
        check(data, data, tmp_path)


@pytest.mark.parametrize("keep_bytes", [9, 40, 60])
def test_a_rendered_packet_that_is_cut_short_is_caught(keep_bytes: int, tmp_path: Path) -> None:
    data = synthetic.plain()
    index = index_of(data)
    packets = rendered(data, index, everywhere(index))
    packets[5] = replace(packets[5], data=packets[5].data[:keep_bytes])
    path = assembled(data, index, packets, tmp_path)
    with pytest.raises(FidelityError, match="cannot be read back"):
        verify(io.BytesIO(data), path, expectation(data, index, everywhere(index)), LIMITS)


@pytest.mark.parametrize("number", [0, 13, 47])
def test_a_rendered_packet_at_another_time_is_caught(number: int, tmp_path: Path) -> None:
    data = synthetic.plain()
    index = index_of(data)
    packets = rendered(data, index, everywhere(index))
    packets[number] = replace(packets[number], pts=packets[number].pts + 3)
    path = assembled(data, index, packets, tmp_path)
    with pytest.raises(FidelityError, match="time of frame"):
        verify(io.BytesIO(data), path, expectation(data, index, everywhere(index)), LIMITS)


def test_what_is_not_carried_may_not_stand_in_a_result(tmp_path: Path) -> None:
    data = synthetic.plain()
    with pytest.raises(FidelityError, match="the result holds stream 1: data is not carried"):
        check(data, tampered.with_telemetry(), tmp_path)


def test_milliseconds_of_matroska_are_no_error(tmp_path: Path) -> None:
    data = synthetic.plain(muxer="matroska", rate=30, audio=("libopus",))
    index = index_of(data)
    assert masked(data, index, everywhere(index), tmp_path).suffix == ".mkv"

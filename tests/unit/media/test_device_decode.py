"""The decoder for devices, with FFmpeg's software in the place of a GPU's."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import synthetic
from walk import index_of

from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.child import MediaChild
from fearrefactor.media.coded import CodedSegment, coded_segment
from fearrefactor.media.decode import segment_frames
from fearrefactor.media.device_decode import DeviceDecoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.coded import CodedPacket

FILMS = {
    "B-frames": partial(synthetic.b_frames, n_frames=24),
    "uneven times": partial(synthetic.variable_rate),
    "10 bits": partial(synthetic.plain, n_frames=24, pix_fmt="yuv420p10le"),
    "HEVC": partial(
        synthetic.plain,
        n_frames=24,
        codec="libx265",
        options={"x265-params": "log-level=none:open-gop=0:scenecut=0"},
    ),
    "VP9": partial(
        synthetic.plain,
        n_frames=24,
        codec="libvpx-vp9",
        muxer="webm",
        options={"deadline": "realtime"},
    ),
}


def coded(film: bytes, task: SegmentTask) -> CodedSegment:
    return coded_segment(io.BytesIO(film), task)


@pytest.mark.parametrize("kind", FILMS)
def test_frames_of_coded_segments_are_those_of_the_source(kind: str) -> None:
    film = FILMS[kind]()
    decoder = DeviceDecoder("cpu")
    tasks = index_of(film).tasks()
    assert len(tasks) > 1

    for task in tasks:
        expected = list(segment_frames(io.BytesIO(film), task))
        found = list(decoder.frames(coded(film, task), task))

        assert [frame.frame for frame in found] == [index for index, _ in expected]
        for one, (_, other) in zip(found, expected, strict=True):
            assert (one.width_px, one.height_px) == (other.width, other.height)
            assert one.colorspace == int(other.colorspace)
            for plane, true in zip(one.planes, other.planes, strict=True):
                assert bytes(plane) == bytes(true)


def lost(packets: list[CodedPacket]) -> list[CodedPacket]:
    return packets[:-1]


def twice(packets: list[CodedPacket]) -> list[CodedPacket]:
    again = replace(packets[-1], pts=packets[-1].pts + 1)
    return [*packets, again]


def late(packets: list[CodedPacket]) -> list[CodedPacket]:
    return [*packets[:-1], replace(packets[-1], pts=packets[-1].pts + 1)]


def headless(packets: list[CodedPacket]) -> list[CodedPacket]:
    return packets[1:]


def scribbled(packets: list[CodedPacket]) -> list[CodedPacket]:
    return [packets[0], replace(packets[1], data=bytes(len(packets[1].data))), *packets[2:]]


@pytest.mark.parametrize("harm", [lost, twice, late, headless, scribbled])
def test_packets_that_do_not_give_each_frame_at_its_time_are_an_error(
    harm: Callable[[list[CodedPacket]], list[CodedPacket]],
) -> None:
    film = synthetic.plain(n_frames=24)
    task = index_of(film).tasks()[1]
    whole = coded(film, task)
    harmed = replace(whole, packets=iter(harm(list(whole.packets))))

    with pytest.raises(MediaError):
        list(DeviceDecoder("cpu").frames(harmed, task))


def test_another_codec_or_size_than_the_index_saw_is_refused() -> None:
    film = synthetic.plain(n_frames=12)
    other = synthetic.plain(n_frames=12, width=320, height=192)
    task = index_of(film).tasks()[0]

    with pytest.raises(UnsupportedError, match="expected h264"):
        list(DeviceDecoder("cpu").frames(replace(coded(film, task), codec="hevc"), task))
    with pytest.raises(MediaError):
        list(DeviceDecoder("cpu").frames(coded(other, index_of(other).tasks()[0]), task))


@pytest.mark.parametrize(
    "odd",
    [
        {"codec": "av1"},
        {"container": "avi"},
        {"pix_fmt": "yuv444p"},
        {"width_px": 161},
        {"interlaced": True},
        {"is_image": True},
        {"n_hidden_frames": 1},
        {"layered": True},
        {"alpha": True},
    ],
)
def test_only_plain_videos_are_decoded_on_a_device(odd: dict[str, object]) -> None:
    info = index_of(synthetic.plain(n_frames=12)).info

    assert DeviceDecoder.takes(info)
    assert not DeviceDecoder.takes(info.model_copy(update=odd))


def test_the_child_hands_out_the_packets_and_can_go_on(tmp_path: Path) -> None:
    film = synthetic.plain(n_frames=36, width=640, height=480)
    index = index_of(film)

    with MediaChild(io.BytesIO(film), tmp_path) as child:
        for task in (*index.tasks()[1:], index.tasks()[0]):
            told, true = child.coded(task), coded(film, task)
            assert (told.codec, told.header) == (true.codec, true.header)
            assert list(told.packets) == list(true.packets)
        task = index.tasks()[1]
        found = DeviceDecoder("cpu").frames(child.coded(task), task)
        assert [frame.frame for frame in found] == list(range(12, 24))


def test_a_machine_without_such_a_device_says_so() -> None:
    film = synthetic.plain(n_frames=12)
    task = index_of(film).tasks()[0]

    with pytest.raises(MediaError, match="on this device"):
        list(DeviceDecoder("cuda:63").frames(coded(film, task), task))
    with pytest.raises(MediaError, match="on this device"):
        DeviceDecoder("cuda:63").check()
    DeviceDecoder("cpu").check()

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest
from drawn_sets import davis_set

from fearrefactor.errors import MediaError
from fearrefactor.media.jpeg_sequence import mux_jpegs

if TYPE_CHECKING:
    from pathlib import Path


def test_the_packets_of_a_muxed_sequence_are_the_files_byte_for_byte(tmp_path: Path) -> None:
    folder = davis_set(tmp_path / "set", {"street": "red"}, 5) / "JPEGImages/480p/street"
    pictures = sorted(folder.iterdir())
    mux_jpegs(pictures, tmp_path / "street.mkv", 24)
    with av.open(str(tmp_path / "street.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
        packets = [packet for packet in container.demux() if packet.size]
        assert [bytes(packet) for packet in packets] == [path.read_bytes() for path in pictures]
        assert [round(float(p.pts * p.time_base) * 24, 1) for p in packets] == [0, 1, 2, 3, 4]


def test_a_file_that_is_no_jpeg_and_a_sequence_of_none_are_refused(tmp_path: Path) -> None:
    picture = tmp_path / "0.jpg"
    picture.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(MediaError, match=r"cannot be made a video|is no JPEG"):
        mux_jpegs([picture], tmp_path / "out.mkv", 24)
    with pytest.raises(MediaError, match="at least one picture"):
        mux_jpegs([], tmp_path / "out.mkv", 24)

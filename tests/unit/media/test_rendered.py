from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from synthetic import plain

from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.errors import FidelityError
from fearrefactor.media.decode import segment_frames
from fearrefactor.media.index import index_source
from fearrefactor.media.render import render_segment
from fearrefactor.media.rendered import rendered_frames

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.video import SegmentTask

SETTINGS = RenderSettings()
FILMS = {
    "h264": plain(n_frames=24),
    "h264 4:4:4": plain(n_frames=24, pix_fmt="yuv444p"),
    "hevc": plain(n_frames=24, codec="libx265", options={"x265-params": "log-level=error"}),
    "vp8": plain(n_frames=24, codec="libvpx", muxer="webm", options={"b": "900000"}),
    "vp9": plain(n_frames=24, codec="libvpx-vp9", muxer="webm", options={"cpu-used": "5"}),
    "av1": plain(n_frames=24, codec="libsvtav1", options={"preset": "10"}),
    "ffv1": plain(n_frames=24, codec="ffv1", muxer="matroska"),
}


def image(kind: str) -> bytes:
    file = io.BytesIO()
    with av.open(io.BytesIO(FILMS["h264"])) as film:
        next(film.decode(video=0)).to_image().save(file, kind)
    return file.getvalue()


def rendered(data: bytes, folder: Path) -> tuple[SegmentTask, Path]:
    index = index_source(io.BytesIO(data), Limits(), CutSettings(min_segment_frames=12))
    task = index.tasks()[-1]
    path = folder / "packets"
    packets = render_segment(
        io.BytesIO(data), task, {}, np.ones(task.segment.n_gops, bool), SETTINGS
    )
    path.write_bytes(b"".join(packet.pack() for packet in packets))
    return task, path


@pytest.mark.parametrize("name", [*FILMS, "png", "jpeg", "webp", "bmp"])
def test_what_was_rendered_is_seen_again_frame_by_frame(name: str, tmp_path: Path) -> None:
    data = FILMS[name] if name in FILMS else image(name)
    task, path = rendered(data, tmp_path)
    before = [
        (index, frame.to_ndarray(format="rgb24"))
        for index, frame in segment_frames(io.BytesIO(data), task)
    ]
    after = [
        (index, frame.to_ndarray(format="rgb24"))
        for index, frame in rendered_frames(path, task, SETTINGS)
    ]
    assert [index for index, _ in after] == [index for index, _ in before]
    assert len(after) == task.segment.n_frames
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert np.abs(old.astype(int) - new).mean() < 5


@pytest.mark.parametrize("n_lost", [1, 200])
def test_packets_that_are_cut_short_are_not_taken_for_a_whole_segment(
    tmp_path: Path, n_lost: int
) -> None:
    task, path = rendered(FILMS["h264"], tmp_path)
    path.write_bytes(path.read_bytes()[:-n_lost])
    with pytest.raises(FidelityError):
        list(rendered_frames(path, task, SETTINGS))


def test_the_packets_of_another_segment_are_refused(tmp_path: Path) -> None:
    task, path = rendered(FILMS["h264"], tmp_path)
    index = index_source(io.BytesIO(FILMS["h264"]), Limits(), CutSettings(min_segment_frames=12))
    assert task.segment.index > 0
    with pytest.raises(FidelityError, match="expected a whole frame of segment 0"):
        list(rendered_frames(path, index.tasks()[0], SETTINGS))

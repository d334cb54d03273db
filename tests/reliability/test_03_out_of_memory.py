"""Try 3: a video exhausts the memory of whoever handles it."""

from __future__ import annotations

import io
import signal
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from deadly_models import SignalsItself
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from lamp_clips import clip
from nights import Night, films, rows_in
from stub_model import TouchyModel

from fearrefactor.core.settings import ChildSettings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

N_FILMS = 4


def wide_film(width: int = 7680, height: int = 4320) -> bytes:
    """Two frames with a large red lamp: to encode them again takes some gigabytes."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "ultrafast"}
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        chroma = planes[height:].reshape(2, height // 2, width // 2)
        planes[: height // 2, : width // 2] = 81
        chroma[:, : height // 4, : width // 4] = np.array([90, 240], np.uint8)[:, None, None]
        for index in range(2):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = index
            for packet in stream.encode(frame):
                out.mux_one(packet)
        for packet in stream.encode(None):
            out.mux_one(packet)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_video_that_needs_more_than_its_media_process_may_have_fails_at_once(
    night_folder: Path, tried: Trial
) -> None:
    rows = rows_in(night_folder / "in", [*films(N_FILMS), wide_film()])
    child = ChildSettings(max_memory_bytes=700 << 20)
    night = Night(str(night_folder / "out"), rows, job={"child": child})
    night.run()
    *others, wide = sorted(assert_invariants(night), key=lambda report: report.row)
    assert (wide.outcome, wide.code) == ("failed", "limit_memory"), wide.reason
    assert [report.outcome for report in others] == ["masked"] * N_FILMS
    assert night.state().n_lost == {}
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    tried(f"{N_FILMS + 1} films", "its media process: 1 attempt, `limit_memory`, the others done")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("local_ray")
def test_a_video_whose_worker_the_kernel_kills_each_time_is_tried_three_times(
    night_folder: Path, tried: Trial
) -> None:
    hungry = clip({"red": range(24), "blue": range(3, 4)}, 24, seed=201, barred=True)
    rows = rows_in(night_folder / "in", [*films(N_FILMS), hungry])
    model = TouchyModel(then=SignalsItself(sign=signal.SIGKILL))
    night = Night(str(night_folder / "out"), rows, model=model, workers=2)
    night.run()
    *others, last = sorted(assert_invariants(night), key=lambda report: report.row)
    assert (last.outcome, last.code) == ("failed", "poison")
    assert [report.outcome for report in others] == ["masked"] * N_FILMS
    assert night.state().n_lost == {last.row: 3}
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    tried(f"{N_FILMS + 1} films", "its worker, as the kernel does it: 3 attempts, `poison`")

"""HDR films say how they were graded; a result says the same, wherever a player starts.

ffprobe of Debian 12 reads that from HEVC; H.264 it cannot ask, there PyAV must do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ffprobe import first_frame, frame_side_data, needs_ffprobe
from synthetic import plain
from walk import index_of, masked, middle

if TYPE_CHECKING:
    from pathlib import Path

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
PQ = {"pix_fmt": "yuv420p10le", "colours": (1, 9, 16, 9), "n_frames": 24}


@needs_ffprobe
def test_an_hevc_film_that_is_rendered_is_graded_as_before(tmp_path: Path) -> None:
    params = f"log-level=error:pools=1:master-display={DISPLAY}:max-cll=1000,400"
    film = plain(codec="libx265", options={"x265-params": params}, **PQ)
    (tmp_path / "source").write_bytes(film)
    result = masked(film, index_of(film), {3: (middle(),)}, tmp_path)
    before, after = (first_frame(path, 0) for path in (tmp_path / "source", result))
    for kind in ("Mastering display metadata", "Content light level metadata"):
        assert frame_side_data(before, kind), kind
        assert frame_side_data(after, kind) == frame_side_data(before, kind), kind


@pytest.mark.parametrize(("first", "masked_frame"), [("copied", 15), ("rendered", 3)])
def test_a_spliced_h264_film_is_graded_as_before_whichever_gop_comes_first(
    first: str, masked_frame: int, tmp_path: Path
) -> None:
    params = f"mastering-display={DISPLAY}:cll=1000,400"
    film = plain(options={"x264-params": params}, **PQ)
    index = index_of(film)
    assert index.to_render([masked_frame]).tolist() == [first == "rendered", first == "copied"]
    assert index.info.mastering_display is not None
    assert index.info.content_light is not None
    result = masked(film, index, {masked_frame: (middle(),)}, tmp_path)
    info = index_of(result.read_bytes()).info
    assert info.mastering_display == index.info.mastering_display
    assert info.content_light == index.info.content_light

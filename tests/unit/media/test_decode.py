from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import synthetic
import tampered
from walk import frames_of, index_of

from fearrefactor.core.letterbox import PAD_VALUE, fit
from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.decode import segment_frames, shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.video import SegmentTask, VideoIndex

CORNERS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "white": (200,) * 3}


def four_corners(width: int, height: int) -> NDArray[np.uint8]:
    """RGB: red and green above, blue and white below."""
    picture = np.zeros((height, width, 3), np.uint8)
    for name, rows, columns in (
        ("red", slice(0, height // 2), slice(0, width // 2)),
        ("green", slice(0, height // 2), slice(width // 2, None)),
        ("blue", slice(height // 2, None), slice(0, width // 2)),
        ("white", slice(height // 2, None), slice(width // 2, None)),
    ):
        picture[rows, columns] = CORNERS[name]
    return picture


def nearest_corner(rgb: NDArray[np.uint8]) -> str:
    return min(CORNERS, key=lambda name: int(np.abs(rgb.astype(int) - CORNERS[name]).sum()))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "gbrp"])
def test_a_turned_picture_reaches_the_model_upright(rotation: int, pix_fmt: str) -> None:
    upright = four_corners(240, 320)
    coded = np.ascontiguousarray(np.rot90(upright, k=rotation // 90))
    frame = av.VideoFrame.from_ndarray(coded, format="rgb24").reformat(format=pix_fmt)
    box = fit(240, 320, 240 / 320, 320)
    out = np.zeros((box.input_height, box.input_width, 3), np.uint8)
    shrink(frame, box, rotation, out)
    picture = out[box.top : box.top + box.height, box.left : box.left + box.width]
    down, across = box.height // 4, box.width // 4
    found = [nearest_corner(picture[y, x]) for y in (down, 3 * down) for x in (across, 3 * across)]
    assert found == ["red", "green", "blue", "white"]


def test_the_picture_is_padded_in_the_middle_with_the_models_own_gray() -> None:
    frame = av.VideoFrame.from_ndarray(four_corners(320, 100), format="rgb24")
    box = fit(320, 100, 3.2, 320)
    out = np.zeros((box.input_height, box.input_width, 3), np.uint8)
    shrink(frame, box, 0, out)
    assert (box.input_height, box.height, box.top) == (128, 100, 12)
    padding = np.concatenate([out[: box.top], out[box.top + box.height :]])
    assert (padding == PAD_VALUE).all()
    assert not (out[box.top : box.top + box.height] == PAD_VALUE).all(axis=2).any()


def test_pixels_that_are_not_square_are_shown_as_they_are_meant() -> None:
    data = synthetic.plain(width=120, height=96, aspect=Fraction(4, 3), n_frames=2)
    info = index_of(data).info
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, 320)
    assert box.width / box.height == pytest.approx(160 / 96, rel=0.02)


def test_a_full_range_picture_and_a_limited_one_look_the_same_to_the_model() -> None:
    outs = []
    for color_range in (1, 2):
        data = synthetic.plain(n_frames=1, colours=(color_range, 1, 1, 1), options={"crf": "1"})
        index = index_of(data)
        ((_, frame),) = segment_frames(io.BytesIO(data), index.tasks()[0])
        box = fit(160, 96, 160 / 96, 160)
        out = np.zeros((box.input_height, box.input_width, 3), np.uint8)
        shrink(frame, box, 0, out)
        outs.append(out[40:].astype(int))
    # the same numbers mean a brighter white in limited range: the range is taken into account
    assert outs[0].max() - outs[1].max() > 5


def changed(index: VideoIndex, number: int = 0, **info: object) -> SegmentTask:
    task = index.tasks()[number]
    return replace(task, info=task.info.model_copy(update=info))


@pytest.mark.parametrize("number", [0, 2])
def test_a_frame_that_is_not_at_its_promised_time_is_refused(number: int) -> None:
    data = synthetic.plain()
    task = index_of(data).tasks()[number]
    shifted = task.pts.copy()
    shifted[5] += 1
    frames = segment_frames(io.BytesIO(data), replace(task, pts=shifted))
    index = task.segment.first_frame + 5
    with pytest.raises(MediaError, match=rf"expected frame {index} at pts {shifted[5]}, the dec"):
        list(frames)


@pytest.mark.parametrize("n_frames", [11, 13])
def test_a_segment_with_more_or_fewer_frames_than_promised_is_refused(n_frames: int) -> None:
    data = synthetic.plain()
    task = index_of(data).tasks()[1]
    pts = np.arange(n_frames, dtype=np.int64) * 512 + task.segment.start_pts
    segment = task.segment.model_copy(update={"n_frames": n_frames})
    with pytest.raises(MediaError, match=r"expected (frame None|13 frames)"):
        list(segment_frames(io.BytesIO(data), replace(task, segment=segment, pts=pts)))


def test_a_segment_whose_key_frame_is_not_there_is_refused() -> None:
    data = synthetic.plain()
    task = index_of(data).tasks()[1]
    segment = task.segment.model_copy(update={"start_pts": task.segment.start_pts + 3})
    with pytest.raises(MediaError, match="the decoder gave 0"):
        list(segment_frames(io.BytesIO(data), replace(task, segment=segment)))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"width_px": 320}, "changes size at frame 12: from 320 × 96 to 160 × 96"),
        ({"pix_fmt": "yuv444p"}, "changes at frame 12: from yuv444p to yuv420p"),
    ],
)
def test_a_picture_of_another_size_or_format_is_refused(
    info: dict[str, object], message: str
) -> None:
    data = synthetic.plain()
    with pytest.raises(UnsupportedError, match=message):
        list(segment_frames(io.BytesIO(data), changed(index_of(data), 1, **info)))


def test_a_picture_that_really_changes_its_size_is_refused() -> None:
    data = tampered.growing()
    index = index_of(data)
    with pytest.raises(UnsupportedError, match="from 160 × 96 to 192 × 96"):
        list(frames_of(data, index))


def test_a_picture_that_becomes_many_times_as_large_is_not_even_decoded() -> None:
    data = tampered.growing(4096)
    index = index_of(data)
    with pytest.raises(MediaError, match="cannot be decoded") as caught:
        list(frames_of(data, index))
    assert caught.value.code == "decode_error"


def test_a_damaged_frame_is_an_error_and_not_a_gray_one() -> None:
    data = bytearray(synthetic.b_frames(n_frames=24, gop=24))
    index = index_of(bytes(data))
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    middle, length = (start + end) // 2, (end - start) // 5
    data[middle : middle + length] = np.random.default_rng(0).bytes(length)
    with pytest.raises(MediaError) as caught:
        list(segment_frames(io.BytesIO(bytes(data)), index.tasks()[0]))
    assert caught.value.code == "decode_error"

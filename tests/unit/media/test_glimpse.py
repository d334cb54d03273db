from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import synthetic
from walk import frames_of, index_of, middle, samples

from fearrefactor.core.letterbox import fit
from fearrefactor.errors import MediaError
from fearrefactor.media.decode import shrink
from fearrefactor.media.glimpse import glimpsed
from fearrefactor.media.glimpse_child import GlimpseChild
from fearrefactor.media.render import mask_frame

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox

WANTED = (0, 7, 12, 23, 24, 47)
BOX = fit(160, 96, 160 / 96, 160)


@pytest.mark.parametrize(
    "data",
    [
        synthetic.plain(),
        synthetic.b_frames(),
        synthetic.open_gop(),
        synthetic.variable_rate(),
        synthetic.plain(codec="libvpx-vp9", muxer="webm"),
    ],
    ids=["plain", "b-frames", "open-gop", "variable-rate", "vp9"],
)
@pytest.mark.parametrize("min_segment_frames", [1, 1000])
def test_frames_that_are_glimpsed_are_those_of_the_whole_video(
    data: bytes, min_segment_frames: int
) -> None:
    index = index_of(data, min_segment_frames)
    whole = [samples(frame) for frame in frames_of(data, index)]
    found = {}
    for task in index.tasks():
        first, end = task.segment.first_frame, task.segment.end_frame
        here = [frame for frame in WANTED if first <= frame < end]
        found |= {n: samples(frame) for n, frame in glimpsed(io.BytesIO(data), task, here)}
    assert list(found) == list(WANTED)
    assert all(found[frame] == whole[frame] for frame in WANTED)


def shrunk(frames: list[object], box: Letterbox) -> NDArray[np.uint8]:
    out = np.empty((len(frames), box.input_height, box.input_width, 3), np.uint8)
    for frame, pixels in zip(frames, out, strict=True):
        shrink(frame, box, 0, pixels)  # type: ignore[arg-type]
    return out


def test_a_child_shows_them_as_they_are_and_as_they_are_masked(tmp_path: Path) -> None:
    data = synthetic.plain()
    index = index_of(data, 1000)
    (task,) = index.tasks()
    regions = {7: (middle(),), 24: (middle(),)}
    whole = list(frames_of(data, index))
    with GlimpseChild(io.BytesIO(data), tmp_path) as child:
        bare = [part.pixels.copy() for part in child.glimpse(task, WANTED, box=BOX, batch=4)]
        masked = [
            part.pixels.copy()
            for part in child.glimpse(task, WANTED, box=BOX, batch=4, regions=regions)
        ]
        again = [part.pixels.copy() for part in child.glimpse(task, WANTED, box=BOX, batch=4)]
        other = [part.pixels.copy() for part in child.glimpse(task, (7,), box=BOX, batch=4)]
    assert [len(part) for part in masked] == [4, 2]
    assert np.array_equal(np.concatenate(again), np.concatenate(bare))
    assert np.array_equal(other[0][0], bare[0][1])
    assert np.array_equal(np.concatenate(bare), shrunk([whole[n] for n in WANTED], BOX))
    expected = [mask_frame(whole[n], regions.get(n, ()), index.info) for n in WANTED]
    assert np.array_equal(np.concatenate(masked), shrunk(list(expected), BOX))
    changed = (np.concatenate(masked) != np.concatenate(bare)).any(axis=(1, 2, 3))
    assert [frame for frame, is_new in zip(WANTED, changed, strict=True) if is_new] == [7, 24]


def test_what_cannot_be_decoded_is_an_error_and_not_a_missing_picture(tmp_path: Path) -> None:
    data = synthetic.plain()
    index = index_of(data, 1000)
    (task,) = index.tasks()
    other = synthetic.plain(n_frames=24)
    with (
        GlimpseChild(io.BytesIO(other), tmp_path) as child,
        pytest.raises(MediaError, match="expected"),
    ):
        list(child.glimpse(task, (30,), box=BOX, batch=4))

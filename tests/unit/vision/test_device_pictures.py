"""A device's picture of a frame beside the one that swscale makes, and its checksum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import planar_frames
import pytest
import torch

from fearrefactor.core.letterbox import Letterbox, fit
from fearrefactor.media.decode import checksum, shrink
from fearrefactor.vision.device_pictures import Shrinker

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA = Path(__file__).parents[4] / "shared" / "data"
REAL = ("sam2_01_dog.mp4", "skv_carphone.mp4", "nasa_13013_rotated.mp4")


def swscale_makes(frame: av.VideoFrame, box: Letterbox, rotation_deg: int) -> NDArray[np.uint8]:
    pixels = np.empty((box.input_height, box.input_width, 3), np.uint8)
    shrink(frame, box, rotation_deg, pixels)
    return pixels


def boxed(frame: av.VideoFrame, rotation_deg: int, long_side: int = 320) -> Letterbox:
    turned = rotation_deg in {90, 270}
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    return fit(width, height, width / height, long_side)


def assert_alike(one: NDArray[np.uint8], other: NDArray[np.uint8], box: Letterbox) -> None:
    inner = (
        slice(box.top + 2, box.top + box.height - 2),
        slice(box.left + 2, box.left + box.width - 2),
    )
    apart = np.abs(one.astype(np.int16) - other)
    assert apart.mean() < (1 if box.width <= box.frame_width_px else 1.5)
    assert np.quantile(apart[inner], 0.99) <= 5
    assert apart[inner].max() <= 12


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("size", [(640, 360), (300, 400), (320, 180), (96, 64)])
def test_a_frame_is_shrunk_as_swscale_does_it(
    size: tuple[int, int], layout: str, rotation_deg: int
) -> None:
    frame = planar_frames.painted(*size, layout)
    box = boxed(frame, rotation_deg)

    seen = Shrinker("cpu")([planar_frames.as_planar(frame)], box, rotation_deg)

    assert_alike(seen.on_host()[0], swscale_makes(frame, box, rotation_deg), box)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("colorspace", [1, 2, 4, 5, 6, 7, 9])
def test_matrix_and_range_are_those_of_the_frame(colorspace: int, full: bool) -> None:  # noqa: FBT001 - a parameter
    frame = planar_frames.painted(640, 360, colorspace=colorspace, full=full)
    box = boxed(frame, 0)

    seen = Shrinker("cpu")([planar_frames.as_planar(frame)], box, 0)

    assert_alike(seen.on_host()[0], swscale_makes(frame, box, 0), box)


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le"])
def test_a_gpu_s_layout_gives_the_same_pixels_and_the_same_checksum(layout: str) -> None:
    frames = [planar_frames.painted(w, 360, layout) for w in (640, 640)]
    box = boxed(frames[0], 0)
    shrinker = Shrinker("cpu")

    planar = shrinker([planar_frames.as_planar(frame) for frame in frames], box, 0)
    other = [planar_frames.interleaved(frame) for frame in frames]
    interleaved = shrinker([planar_frames.as_planar(frame) for frame in other], box, 0)

    np.testing.assert_array_equal(planar.on_host(), interleaved.on_host())
    expected = [checksum(frame) for frame in frames]
    assert planar.checksums.tolist() == interleaved.checksums.tolist() == expected


def test_half_precision_changes_no_pixel_by_more_than_a_level() -> None:
    frame = planar_frames.as_planar(planar_frames.painted(640, 360, "yuv420p10le"))
    box = fit(640, 360, 16 / 9, 320)

    whole = Shrinker("cpu")([frame], box, 0).on_host().astype(np.int16)
    half = Shrinker("cpu", torch.float16)([frame], box, 0).on_host().astype(np.int16)

    assert np.abs(whole - half).max() <= 1
    assert np.abs(whole - half).mean() < 0.2


@pytest.mark.parametrize("name", REAL)
def test_real_frames_are_shrunk_as_swscale_does_it(name: str) -> None:
    path = next(iter(DATA.rglob(name)), None)
    if path is None:
        pytest.skip(f"no shared data: {name}")
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    box = boxed(frame, 90, 640)

    seen = Shrinker("cpu")([planar_frames.as_planar(frame)], box, 90)

    assert_alike(seen.on_host()[0], swscale_makes(frame, box, 90), box)
    assert seen.checksums.tolist() == [checksum(frame)]

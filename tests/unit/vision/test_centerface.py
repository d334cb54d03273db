from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.letterbox import fit
from fearrefactor.errors import ModelError
from fearrefactor.vision.catalog import ModelFile, resolve
from fearrefactor.vision.centerface import CenterFace, decode
from fearrefactor.vision.compiled import CpuSettings
from fearrefactor.vision.segmenter import DetectSettings

CLIP = Path(__file__).parents[4] / "shared" / "data" / "video" / "skv_carphone.mp4"


def maps(height: int = 24, width: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heat, sizes and offsets of an empty picture."""
    return (
        np.zeros((height, width), np.float32),
        np.zeros((2, height, width), np.float32),
        np.zeros((2, height, width), np.float32),
    )


@given(
    row=st.integers(0, 23),
    column=st.integers(0, 39),
    height=st.floats(1, 20),
    width=st.floats(1, 20),
    down=st.floats(-0.5, 0.5),
    across=st.floats(-0.5, 0.5),
)
def test_a_peak_becomes_a_box_of_its_size_around_its_centre(
    *, row: int, column: int, height: float, width: float, down: float, across: float
) -> None:
    heat, log_size, offset = maps()
    heat[row, column] = 0.9
    log_size[:, row, column] = np.log([height, width])
    offset[:, row, column] = [down, across]

    boxes, scores = decode(heat, log_size, offset, DetectSettings())

    middle_x, middle_y = 4 * (column + 0.5 + across), 4 * (row + 0.5 + down)
    expected = [
        middle_x - 2 * width,
        middle_y - 2 * height,
        middle_x + 2 * width,
        middle_y + 2 * height,
    ]
    np.testing.assert_allclose(boxes, [expected], atol=1e-3)
    assert scores.tolist() == pytest.approx([0.9])


def test_cells_around_a_peak_are_the_same_face() -> None:
    heat, log_size, offset = maps()
    heat[10, 20], heat[10, 21], heat[4, 4] = 0.9, 0.7, 0.3
    log_size[:] = np.log(6)

    boxes, scores = decode(heat, log_size, offset, DetectSettings())

    assert scores.tolist() == pytest.approx([0.9, 0.3])
    assert boxes[0].tolist() == pytest.approx([70, 30, 94, 54], abs=1e-3)


@pytest.mark.parametrize("heat_value", [np.nan, -0.5, 1.5])
def test_a_heat_outside_its_range_is_an_error(heat_value: float) -> None:
    heat, log_size, offset = maps()
    heat[3, 3] = heat_value

    with pytest.raises(ModelError, match=r"expected a heat map in \[0, 1\]"):
        decode(heat, log_size, offset, DetectSettings())


@pytest.mark.parametrize("size", [np.nan, 1e4])
def test_a_face_without_a_finite_size_is_an_error(size: float) -> None:
    heat, log_size, offset = maps()
    heat[3, 3] = 0.5
    log_size[0, 3, 3] = size

    with pytest.raises(ModelError, match="expected finite boxes"):
        decode(heat, log_size, offset, DetectSettings())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    try:
        return resolve("centerface", tmp_path_factory.mktemp("models"))
    except ModelError as error:
        pytest.skip(f"the weights cannot be had here: {error}")


@pytest.mark.slow
@pytest.mark.skipif(not CLIP.exists(), reason="the clip of a face is not beside this checkout")
def test_it_sees_the_one_face_in_every_frame_of_a_clip(weights: ModelFile, tmp_path: Path) -> None:
    settings = DetectSettings(long_side=384)
    faces = CenterFace(weights, settings, CpuSettings(threads=1, cache=tmp_path))
    n_frames = 0
    with av.open(str(CLIP)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")
            box = fit(frame.width, frame.height, frame.width / frame.height, settings.long_side)
            letterboxed = np.full((box.input_height, box.input_width, 3), 114, np.uint8)
            letterboxed[box.top :, box.left :][: box.height, : box.width] = cv2.resize(
                picture, (box.width, box.height)
            )
            [seen] = faces.segment(letterboxed[None])
            n_frames += 1
            assert (seen.scores > 0.5).sum() == 1
            left, top, right, bottom = seen.boxes[0]
            share = seen.masks[0].sum() * 16 / ((right - left) * (bottom - top))
            assert 0.75 < share < 0.95

    assert n_frames > 50
    assert faces.card.classes == ("face",)

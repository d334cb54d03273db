from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic
from lamp_clips import LAMP_PX, WIDTH, clip, corner
from stub_model import BlindModel, LampFinder, NanModel

from fearrefactor.core.policy import Policy
from fearrefactor.errors import FearRefactorError, ModelError, PolicyError
from fearrefactor.pipeline.preview import PICTURE_PX, Preview, Previewer
from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.vision.segmenter import Segmenter

MAGENTA = {"kind": "fill", "color": "#ff00ff"}
RED = Policy.model_validate({"rules": [{"classes": ["red"], "effect": MAGENTA, "margin": 0}]})
LEFT = {"box": [0, 0, 0.5, 1], "effect": MAGENTA}


def seen(
    folder: Path,
    data: bytes,
    policy: Policy = RED,
    *,
    model: Segmenter | None = None,
    n_frames: int = 12,
    with_source: bool = False,
) -> Preview:
    (folder / "video").write_bytes(data)
    previewer = Previewer(model or LampFinder(), policy, folder)
    with FolderStore(folder).open("video") as source:
        return previewer.preview(source, n_frames, with_source=with_source)


def share_of(picture: NDArray[np.uint8], rgb: tuple[int, int, int]) -> float:
    """How much of a picture has nearly this colour: the sheet's pixels were scaled."""
    return float((np.abs(picture.astype(int) - rgb) < 40).all(axis=2).mean())


LAMP = (LAMP_PX / WIDTH) ** 2 * WIDTH / 96


def test_what_the_policy_names_is_filled_and_nothing_else(tmp_path: Path) -> None:
    found = seen(tmp_path, clip({"red": range(24), "green": range(48)}, 48), with_source=True)
    assert len(found.frames) == 12
    for frame in found.frames:
        assert frame.source is not None
        is_red = frame.frame < 24
        assert share_of(frame.source, (230, 20, 20)) == pytest.approx(LAMP * is_red, abs=0.02)
        assert share_of(frame.picture, (230, 20, 20)) == 0
        assert share_of(frame.picture, (255, 0, 255)) == pytest.approx(LAMP * is_red, abs=0.02)
        assert share_of(frame.picture, (20, 210, 20)) == pytest.approx(LAMP, abs=0.02)
        assert frame.share == pytest.approx(LAMP * is_red, abs=0.01)
        assert [(one.name, pytest.approx(one.score)) for one in frame.masked] == [
            ("red", 0.9)
        ] * is_red


def test_a_filled_lamp_is_where_the_lamp_was(tmp_path: Path) -> None:
    for frame in seen(tmp_path, clip({"red": range(48)}, 48)).frames:
        scale = PICTURE_PX / WIDTH
        left, top = corner("red", frame.frame)
        middle = round((top + LAMP_PX / 2) * scale), round((left + LAMP_PX / 2) * scale)
        assert np.abs(frame.picture[middle].astype(int) - (255, 0, 255)).max() < 20


def test_the_source_is_shown_only_if_it_was_asked_for(tmp_path: Path) -> None:
    found = seen(tmp_path, clip({"red": range(48)}, 48))
    assert all(frame.source is None for frame in found.frames)


def test_frames_are_spread_and_those_that_are_cheap_to_decode_are_chosen(tmp_path: Path) -> None:
    found = seen(tmp_path, clip({"red": range(9)}, 96), n_frames=4)
    assert [frame.frame for frame in found.frames] == [0, 24, 48, 72]  # GOPs have 12 frames
    assert [frame.time_s for frame in found.frames] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_pictures_are_upright(tmp_path: Path, rotation_deg: int) -> None:
    policy = Policy.model_validate({"rules": [], "always": [LEFT]})
    data = synthetic.plain(rotation_deg=rotation_deg)
    found = seen(tmp_path, data, policy, n_frames=2, with_source=True)
    for frame in found.frames:
        height, width, _ = frame.picture.shape
        assert (height > width) == (rotation_deg in {90, 270})
        assert max(height, width) == PICTURE_PX
        assert share_of(frame.picture[:, : width // 2 - 4], (255, 0, 255)) == 1
        assert frame.source is not None
        assert np.array_equal(frame.picture[:, width // 2 + 8 :], frame.source[:, width // 2 + 8 :])
        assert frame.share == pytest.approx(0.5, abs=0.01)
        assert [one.name for one in frame.masked] == ["always"]


def test_a_place_that_is_masked_for_a_time_is_masked_at_that_time(tmp_path: Path) -> None:
    always = {**LEFT, "start_s": 0.9, "end_s": 1.4}
    policy = Policy.model_validate({"rules": [], "always": [always]})
    found = seen(tmp_path, clip({}, 48), policy, n_frames=8)
    masked = [frame.time_s for frame in found.frames if frame.masked]
    assert masked
    assert all(0.9 <= time_s < 1.4 for time_s in masked)
    assert len(masked) < len(found.frames)


@pytest.mark.parametrize(
    "data",
    [
        synthetic.image("png"),
        synthetic.image("mjpeg"),
        synthetic.lying(synthetic.image("mjpeg", 96, 160)),
    ],
    ids=["png", "jpeg", "lying"],
)
def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, data: bytes) -> None:
    policy = Policy.model_validate({"rules": [], "always": [LEFT]})
    found = seen(tmp_path, data, policy)
    assert [(frame.frame, frame.time_s) for frame in found.frames] == [(0, 0.0)]
    height, width, _ = found.frames[0].picture.shape
    assert width > height
    assert share_of(found.frames[0].picture[:, : width // 2 - 4], (255, 0, 255)) == 1


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"model": NanModel()}, ModelError),
        ({"policy": Policy.model_validate({"rules": [{"classes": ["clown"]}]})}, PolicyError),
        ({"data": b"no video"}, FearRefactorError),
    ],
)
def test_what_would_fail_a_run_fails_a_preview(
    tmp_path: Path, change: dict[str, Any], kind: type[Exception]
) -> None:
    told: dict[str, Any] = {"data": clip({"red": range(12)}, 12), **change}
    with pytest.raises(kind):
        seen(tmp_path, **told)


def test_frames_in_which_nothing_is_seen_are_shown_as_they_are(tmp_path: Path) -> None:
    found = seen(tmp_path, clip({"red": range(12)}, 12), model=BlindModel(), with_source=True)
    for frame in found.frames:
        assert (frame.masked, frame.share) == ((), 0.0)
        assert np.array_equal(frame.picture, frame.source)

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_model import (
    CARD,
    BlindModel,
    CountingModel,
    DecliningModel,
    LampFinder,
    MuteModel,
    NanModel,
    RaisingModel,
    watched,
)

from fearrefactor.errors import BlindModelError, InputError, ModelError
from fearrefactor.pipeline.shown import shown
from fearrefactor.vision.batcher import DynamicBatcher
from fearrefactor.vision.canary import Canary, Shown, watch
from fearrefactor.vision.catalog import cache_dir, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.pictures import _read
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.vision.segmenter import Segmenter

GREY = np.full((1, 96, 160, 3), 114, np.uint8)


def lamp(colour: int) -> NDArray[np.uint8]:
    pixels = np.full((64, 96, 3), 114, np.uint8)
    pixels[16:48, 32:64] = 20
    pixels[16:48, 32:64, colour] = 230
    return pixels


@dataclass(frozen=True)
class Unsure(LampFinder):
    """Sees red lamps with a score of its own."""

    score: float = 0.9

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        found = super().segment(frames)
        return [replace(one, scores=np.full_like(one.scores, self.score)) for one in found]


sides = st.integers(1, 20).map(lambda strides: 32 * strides)


@given(rows=sides, columns=sides, height=sides, width=sides)
def test_a_canary_stands_unscaled_in_an_input_of_any_size_with_whole_strides_around(
    rows: int, columns: int, height: int, width: int
) -> None:
    picture = np.full((rows, columns, 3), 7, np.uint8)

    framed = Canary(picture, 0, 0.5).within(height, width)

    assert framed.shape == (1, max(rows, height), max(columns, width), 3)
    top, left = (int(at.min()) for at in np.nonzero(framed[0, :, :, 0] == 7))
    assert top % 32 == left % 32 == 0
    assert (framed[0, top : top + rows, left : left + columns] == 7).all()
    assert np.count_nonzero(framed == 7) == picture.size


def test_a_model_that_sees_its_target_is_believed_again_and_again() -> None:
    model = watch(LampFinder(), "red", Shown((lamp(0),)))
    for height, width in ((96, 160), (32, 32), (640, 384)):
        model.prove(height, width)
    assert model.card == CARD


def test_a_model_that_does_not_see_its_target_when_it_is_loaded_is_refused() -> None:
    with pytest.raises(BlindModelError, match=r"gone blind.*expected a red") as told:
        watch(BlindModel(), "red", Shown((lamp(0),)))
    assert told.value.code == "model_error"


def test_a_target_seen_with_too_little_is_not_seen() -> None:
    watch(Unsure(score=0.4), "red", Shown((lamp(0),)))
    with pytest.raises(BlindModelError, match=r"a score of at least 0\.40"):
        watch(Unsure(score=0.39), "red", Shown((lamp(0),)))


def test_another_class_than_the_target_is_not_the_target() -> None:
    with pytest.raises(BlindModelError):
        watch(LampFinder(), "red", Shown((lamp(1),)))


@pytest.mark.parametrize(
    "broken",
    [
        BlindModel(),
        MuteModel(),
        NanModel(),
        RaisingModel(error=ModelError("scores of NaN")),
        Unsure(score=0.4),
    ],
)
def test_what_an_unknown_model_saw_best_is_what_it_has_to_see_again(broken: Segmenter) -> None:
    # Its first two frames are the pictures; green in the second one is all that it knows.
    model = watch(DecliningModel(then=broken, n_frames=3), "", Shown((GREY[0], lamp(1))))
    assert model.card.unproven == ""
    model.prove(96, 160)
    with pytest.raises(BlindModelError, match="expected a green"):
        model.prove(96, 160)


def test_a_model_that_failed_a_proof_says_nothing_any_more() -> None:
    inner = DecliningModel(then=BlindModel(), n_frames=0)
    model = watched(inner)
    with pytest.raises(BlindModelError):
        model.prove(96, 160)
    with pytest.raises(BlindModelError, match="has gone blind"):
        model.segment(GREY)
    assert inner.calls == [1]


@pytest.mark.parametrize("model", [BlindModel(), Unsure(score=0.09)])
def test_a_model_that_surely_sees_nothing_in_any_picture_says_so_on_its_card(
    model: Segmenter,
) -> None:
    free = watch(model, "", Shown((lamp(0), lamp(1))))
    assert "lamp-finder sees nothing in the test pictures" in free.card.unproven
    assert free.card.model_copy(update={"unproven": ""}) == CARD
    free.prove(96, 160)
    assert len(free.segment(GREY)) == 1


def test_a_picture_that_a_user_chose_must_show_the_model_something() -> None:
    with pytest.raises(ModelError, match=r"sees nothing in lamp\.png; expected a picture"):
        watch(BlindModel(), "red", Shown((lamp(0),), "lamp.png"))
    assert watch(LampFinder(), "red", Shown((lamp(1),), "lamp.png")).card.unproven == ""


def test_behind_a_batcher_the_proof_goes_through_it_beside_the_frames_of_others() -> None:
    counting = CountingModel()
    with DynamicBatcher(counting, 64, 0.05) as batcher:
        model = watched(LampFinder()).through(lambda _: batcher)
        proofs = [threading.Thread(target=model.prove, args=(96, 160)) for _ in range(4)]
        for proof in proofs:
            proof.start()
        assert len(model.segment(np.repeat(GREY, 8, axis=0))) == 8
        for proof in proofs:
            proof.join()
    assert sum(counting.calls) == 12


def test_the_known_pictures_are_those_that_were_chosen() -> None:
    people, street = shown(None, 640).pictures
    assert (people.shape, street.shape) == ((160, 256, 3), (256, 192, 3))
    assert people.std() > 40
    assert street.std() > 40


def test_a_known_picture_that_is_another_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bus.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ModelError, match=r"bus\.jpg has sha256 .* install"):
        _read(tmp_path / "bus.jpg", "00" * 32)
    with pytest.raises(ModelError, match=r"cannot read .*gone\.jpg"):
        _read(tmp_path / "gone.jpg", "00" * 32)


def test_a_chosen_file_that_is_no_picture_is_the_users_mistake(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no picture at all, and long enough to be looked into\n" * 9)
    with pytest.raises(InputError, match=r"notes\.txt is no picture"):
        shown(path, 640)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov5s-seg", "centerface"])
def test_models_of_the_catalog_see_their_target_in_inputs_of_all_shapes(name: str) -> None:
    cache = cache_dir(os.environ)
    file = resolve(name, cache)
    loaded = load_segmenter(file, DetectSettings(), device="cpu", threads=2, cache=cache)
    model = watch(loaded, file.target, shown(None, 640))
    for height, width in ((640, 384), (96, 640)):
        model.prove(height, width)

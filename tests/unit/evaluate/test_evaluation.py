"""Data sets of lamps through the media child, a model that sees lamps, and the measures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from drawn_sets import coco_set, davis_set
from fake_stages import Tally
from stub_model import BlindModel, LampFinder

from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.errors import InputError, MediaError, PolicyError
from fearrefactor.evaluate.look import observing
from fearrefactor.evaluate.result import as_json, frame_columns, summarise
from fearrefactor.evaluate.run import Evaluation, Question, evaluate
from fearrefactor.storage.score_log import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.vision.segmenter import Segmenter

COMFORT = Question(None, "comfort")


@dataclass(frozen=True)
class BlinkingModel(LampFinder):
    """Sees nothing in frames ``shut`` of all that it is ever shown."""

    shut: frozenset[int] = frozenset()
    n_shown: list[int] = field(default_factory=lambda: [0])

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``, but for some frames."""
        seen, blind = super().segment(frames), BlindModel().segment(frames)
        first = self.n_shown[0]
        self.n_shown[0] += len(frames)
        pairs = enumerate(zip(seen, blind, strict=True), start=first)
        return [closed if number in self.shut else open_ for number, (open_, closed) in pairs]


def evaluated(dataset: Path, question: Question, model: Segmenter | None = None) -> Evaluation:
    with observing(model or LampFinder(), Tally()) as observer:
        return evaluate(dataset, question, observer)


def test_the_plan_covers_what_single_frames_leave_exposed(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"street": "red"})
    blinking = BlinkingModel(shut=frozenset({4, 5, 8}))
    result = summarise(evaluated(folder, COMFORT, blinking), 0.95)
    single, plan = result.total["single"], result.total["plan"]
    assert (single.exposed_frames, single.longest_exposed_run, single.worst_recall) == (3, 2, 0)
    assert (plan.exposed_frames, plan.longest_exposed_run) == (0, 0)
    assert single.area_ratio is not None
    assert plan.area_ratio is not None
    assert single.area_ratio < plan.area_ratio < 3
    assert result.highest_mean is None
    assert result.curve is not None
    assert result.curve.exposed.tolist() == [3] * 18 + [12]  # lamps are found at .9


def test_each_sequence_is_scored_on_its_own_and_on_its_annotated_frames_only(
    tmp_path: Path,
) -> None:
    folder = davis_set(tmp_path, {"garden": "green", "street": "red"}, 6, step=3)
    blinking = BlinkingModel(shut=frozenset(range(6)))
    evaluation = evaluated(folder, COMFORT, blinking)
    result = summarise(evaluation, 0.9)
    assert result.sequences["garden"]["plan"].exposed_frames == 2
    assert result.sequences["street"]["plan"].exposed_frames == 0
    assert result.total["plan"].n_frames == 4
    assert [one.frames.tolist() for one in evaluation.measured] == [[0, 3], [0, 3]]
    told = json.loads(json.dumps(as_json(evaluation, result), allow_nan=False))
    assert [one["name"] for one in told["sequences"]] == ["garden", "street"]
    assert told["average_precision"] is None
    columns = list(frame_columns(evaluation.measured))
    assert all(list(part) == SCHEMA.names for part in columns)
    assert columns[0]["recall"] == [0, 0]


def test_a_policy_of_ones_own_masks_and_what_it_does_not_mask_is_left_out(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"garden": "green", "street": "red"}, 3)
    wide = Policy(rules=(Rule(classes=("Red",), margin=1),))
    evaluation = evaluated(folder, Question(None, wide))
    assert evaluation.left_out == ("sequence garden: no rule masks green",)
    (street,) = evaluation.measured
    assert street.coverage["plan"].masked_px.min() > 3000
    assert street.coverage["single"].masked_px.max() < 1500
    with pytest.raises(InputError, match=r"nothing of the data set .* has blue"):
        evaluated(folder, Question(("blue",), wide))


def test_a_class_that_the_model_lacks_ends_it_before_anything_is_looked_at(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"street": "red"}, 1)
    tally = Tally()
    with (
        observing(LampFinder(), tally) as observer,
        pytest.raises(PolicyError, match=r"no class 'rad'; nearest: red"),
    ):
        evaluate(folder, Question(("red", "rad"), "comfort"), observer)
    assert tally.n_expected == 0


def test_a_picture_that_is_no_jpeg_is_named_with_its_sequence(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"street": "red"}, 2)
    (folder / "JPEGImages/480p/street/00001.jpg").write_bytes(b"GIF89a")
    with pytest.raises(MediaError, match=r"sequence street: .*00001\.jpg is no JPEG"):
        evaluated(folder, COMFORT)


def test_a_background_effect_cannot_be_measured() -> None:
    rule = Rule(classes=("red",), effect=Effect(kind="background-blur"))
    with pytest.raises(InputError, match=r"policy custom masks everything but its objects"):
        Question(None, Policy(rules=(rule,)))


def test_images_are_scored_together_and_have_an_average_precision(
    tmp_path: Path, capsys: Any
) -> None:
    path = coco_set(tmp_path, [["red", "green"], [], ["green"], ["blue"]])
    evaluation = evaluated(path, COMFORT)
    result = summarise(evaluation, 0.95)
    assert evaluation.left_out == ("classes that lamp-finder does not know: violet",)
    assert (result.total["plan"].n_frames, result.total["plan"].n_object_frames) == (4, 3)
    assert result.total["single"].exposed_frames == 0
    assert result.total["single"].longest_exposed_run is None
    assert evaluation.precision is not None
    assert evaluation.precision.ap50 == pytest.approx(1)
    assert capsys.readouterr().out == ""  # pycocotools is silenced
    (row, *_) = list(frame_columns(evaluation.measured[1:2]))
    assert row["recall"] == [None]


def test_only_the_classes_that_are_asked_for_count(tmp_path: Path) -> None:
    path = coco_set(tmp_path, [["red", "green"], ["green"]])
    evaluation = evaluated(path, Question(("red",), "comfort"))
    assert [one.coverage["plan"].object_px[0] for one in evaluation.measured] == [1024, 0]
    assert evaluation.precision is not None
    assert evaluation.precision.ap50 == pytest.approx(1)
    with pytest.raises(InputError, match=r"no class 'blue'; it has: red"):
        evaluated(
            coco_set(tmp_path / "b", [["red"]], categories=[{"id": 10, "name": "red"}]),
            Question(("blue",), "comfort"),
        )


def test_a_model_that_sees_nothing_has_no_precision_and_everything_is_exposed(
    tmp_path: Path,
) -> None:
    evaluation = evaluated(coco_set(tmp_path, [["red"]]), COMFORT, BlindModel())
    assert evaluation.precision is not None
    assert evaluation.precision.ap == 0
    assert summarise(evaluation, 0.95).total["plan"].exposed_frames == 1


def test_what_is_masked_in_a_crowd_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    path = coco_set(tmp_path, [["red", "green"]])
    content = json.loads(path.read_text("utf-8"))
    content["annotations"][1]["iscrowd"] = 1
    crowd = content["annotations"][1]
    runs = {"counts": [0, 96 * 160], "size": [96, 160]}
    crowd["segmentation"] = runs
    path.write_text(json.dumps(content), "utf-8")
    (one,) = evaluated(path, COMFORT).measured
    assert one.coverage["plan"].object_px.tolist() == [1024]
    assert one.coverage["plan"].over_masked_px.tolist() == [0]


def test_an_image_of_another_size_than_the_file_says_is_refused(tmp_path: Path) -> None:
    path = coco_set(tmp_path, [["red"]])
    path.write_text(path.read_text("utf-8").replace('"width": 160', '"width": 161'), "utf-8")
    with pytest.raises(InputError, match=r"0\.jpg: the picture is 160 × 96 pixels, .* 161 × 96"):
        evaluated(path, COMFORT)

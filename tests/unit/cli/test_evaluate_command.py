from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from drawn_sets import davis_set

from fearrefactor.storage.score_log import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


@pytest.fixture
def street(tmp_path: Path) -> Path:
    return davis_set(tmp_path / "set", {"street": "red"}, 3)


def test_as_json_it_prints_json_alone_and_writes_the_same(
    shell: Shell, street: Path, random_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    words = ("evaluate", street, "--classes", "dog, 'teddy bear'", "--model", random_model)
    answer = shell(*words, "--recall", "0.8", "--output", out, "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    assert told["total"]["single"]["exposed_frames"] == 3  # a model that is sure of nothing
    assert told["sequences"][0]["classes"] == ["dog", "teddy bear"]
    assert (told["policy"], told["score_floor"]) == ("comfort", 0.05)
    assert told["highest_confidence"] == {"wanted_recall": 0.8, "mean": None, "worst_frame": None}
    assert json.loads((out / "scores.json").read_text("utf-8")) == told
    table = pq.read_table(out / "frames.parquet")
    assert table.schema.equals(SCHEMA)
    assert table["masking"].to_pylist() == ["single"] * 3 + ["plan"] * 3
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_for_people_it_prints_a_table_with_both_maskings_and_what_they_mean(
    shell: Shell, street: Path, random_model: Path
) -> None:
    words = ("evaluate", street, "--model", random_model, "--classes", "dog")
    answer = shell(*words, "--preset", "privacy")
    assert answer.code == 0
    assert "privacy" in answer.out
    for word in ("street", "single", "plan", "total", "exposed", "run", "area ×"):
        assert word in answer.out
    assert "pixel recall 0.95 of single frames: on average not reached" in answer.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--preset", "strict", "--policy", "people"), "give --preset or --policy, not both"),
        (("--classes", ","), "--classes is empty"),
        (("--classes", "dgo"), "nearest: dog"),
        (("--policy", "people", "--classes", "dog"), "nothing of the data set would be masked"),
        (("--recall", "0"), "Invalid value for '--recall'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    shell: Shell, street: Path, random_model: Path, options: tuple[str, ...], said: str
) -> None:
    answer = shell("evaluate", street, "--model", random_model, *options)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err


def test_a_data_set_that_is_not_there_is_named(
    shell: Shell, tmp_path: Path, random_model: Path
) -> None:
    answer = shell("evaluate", tmp_path / "none", "--model", random_model)
    assert answer.code == 1
    assert "none; expected a folder with JPEGImages and Annotations" in answer.err

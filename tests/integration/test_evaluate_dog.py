from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from shell import Shell

DAVIS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "davis"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DAVIS.is_dir(), reason="needs the sequences of ../shared/data/davis"),
]


def test_where_the_model_blinks_at_a_dog_the_plan_does_not(tmp_path: Path) -> None:
    """The default model does not see the dog at all in frame 4."""
    for kind, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
        folder = tmp_path / kind / "480p" / "dog"
        folder.mkdir(parents=True)
        for frame in range(12):
            name = f"{frame:05}.{suffix}"
            shutil.copy(DAVIS / kind / "480p" / "dog" / name, folder / name)
    answer = Shell()("evaluate", tmp_path, "--classes", "dog", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    single, plan = told["total"]["single"], told["total"]["plan"]
    assert single["n_object_frames"] == plan["n_object_frames"] == 12
    assert (single["exposed_frames"], single["longest_exposed_run"]) == (1, 1)
    assert single["worst_recall"] == 0
    assert plan["exposed_frames"] == 0
    assert plan["worst_recall"] >= 0.95

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.policy_file import builtin_names, builtin_policy

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


def test_all_built_in_policies_are_listed_in_words(shell: Shell) -> None:
    said = shell("policy", "list")
    assert said.code == 0
    for name in builtin_names():
        assert f"{name}\n  {builtin_policy(name).in_words()}" in said.out
    assert json.loads(shell("policy", "list", "--json").out) == {
        name: builtin_policy(name).in_words() for name in builtin_names()
    }


def test_a_policy_file_is_explained_in_words(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rules: [{classes: [dog, cat], effect: fill, confidence: 0.5}]", "utf-8")
    said = shell("policy", "check", path)
    assert said.code == 0
    assert said.out == (
        "Every dog or cat seen with a confidence of at least 0.5 is filled with #808080, "
        "5% of its size beyond its outline.\nEverything else is left as it is.\n"
    )


def test_a_policy_as_json_has_its_digest(shell: Shell) -> None:
    told = json.loads(shell("policy", "check", "people", "--json").out)
    assert told["digest"] == builtin_policy("people").digest()
    assert told["rules"][0]["classes"] == ["person"]


def test_a_policy_with_a_mistake_is_refused_with_the_line_of_it(
    shell: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rules:\n  - classes: [dog]\n    effect: blurr\n", "utf-8")
    said = shell("policy", "check", path)
    assert (said.code, said.out) == (1, "")
    assert f"{path}, line 3: " in said.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody.yaml", "there is no policy file nobody.yaml"),
        ("peopel", "there is no policy 'peopel'; expected animals, faces, people"),
    ],
)
def test_a_policy_that_is_not_there_is_said_to_be_missing(
    shell: Shell, name: str, said: str
) -> None:
    answer = shell("policy", "check", name)
    assert answer.code == 1
    assert said in answer.err

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.policy import Policy
from fearrefactor.core.policy_file import builtin_names, builtin_policy, parse_policy
from fearrefactor.core.policy_words import in_words
from fearrefactor.core.presets import PURPOSE

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


def indented(words: str) -> str:
    return "  " + words.replace("\n", "\n  ") + "\n"


def test_all_built_in_policies_are_listed_in_words(shell: Shell) -> None:
    said = shell("policy", "list")
    assert said.code == 0
    policies = {name: in_words(builtin_policy(name)) for name in builtin_names()}
    for name, words in policies.items():
        assert f"{name}\n{indented(words)}" in said.out
    assert json.loads(shell("policy", "list", "--json").out)["policies"] == policies


def test_the_presets_are_listed_with_what_they_are_for_and_what_they_fill_in(shell: Shell) -> None:
    said = shell("policy", "list")
    as_json = json.loads(shell("policy", "list", "--json").out)["presets"]
    assert list(as_json) == list(PURPOSE)
    for preset, purpose in PURPOSE.items():
        rules = [{"classes": ["thing"]}]
        words = in_words(Policy.model_validate({"preset": preset, "rules": rules}))
        assert f"\n{preset}, {purpose}\n{indented(words)}" in said.out
        assert as_json[preset] == words


def test_a_policy_file_is_explained_in_words(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = "rules: [{classes: [dog, cat], effect: fill, confidence: 0.5}]"
    path.write_text(text, "utf-8")
    said = shell("policy", "check", path)
    assert said.code == 0
    assert said.out == in_words(parse_policy(text, "mine")) + "\n"


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

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule
from fearrefactor.core.policy_file import parse_policy
from fearrefactor.core.presets import PRESETS
from fearrefactor.vision.catalog import DEFAULT_MODEL, find

if TYPE_CHECKING:
    from pydantic import BaseModel

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_policy_of_the_reference_can_be_used_with_the_default_model(block: str) -> None:
    policy = parse_policy(block, "docs/policies.md")
    assert f"name: {policy.name}\n" in block
    assert set(policy.classes) <= set(find(DEFAULT_MODEL).classes)


def test_the_examples_together_use_every_field() -> None:
    written = set(re.findall(r"\b(\w+):", "".join(BLOCKS)))
    models: list[type[BaseModel]] = [Policy, Rule, Effect, Always, Keep, Review]
    assert {name for model in models for name in model.model_fields} <= written


@pytest.mark.parametrize("preset", PRESETS)
def test_the_table_of_presets_has_their_values(preset: str) -> None:
    table = TEXT[TEXT.index("| | `comfort`") : TEXT.index("**`comfort`**")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n") if line]
    column = next(i for i, cell in enumerate(rows[0]) if f"`{preset}`" in cell)
    policy = Policy.model_validate({"preset": preset, "rules": [{"classes": ["dog"]}]})
    rule = policy.rules[0]
    said = {row[0]: row[column] for row in rows[2:]}
    color = f", {rule.effect.color}" if rule.effect.kind == "fill" else ""
    expected = {name: str(getattr(rule, name)) for name in said if name in Rule.model_fields}
    assert said == expected | {
        "effect": rule.effect.kind + color,
        "in_doubt": policy.in_doubt,
    }
    for_rules, for_policy = PRESETS[preset]
    assert {*for_rules, *for_policy} <= set(said)


@pytest.mark.parametrize(
    ("heading", "model"), [("## Rules", Rule), ("## What is kept", Keep), ("## When", Policy)]
)
def test_the_defaults_in_the_tables_are_those_of_the_fields(
    heading: str, model: type[BaseModel]
) -> None:
    section = TEXT[TEXT.index(heading) :].split("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", section, flags=re.MULTILINE))
    told.pop("effect", None)
    defaults = {name: str(model.model_fields[name].default) for name in told}
    assert told
    assert defaults == told

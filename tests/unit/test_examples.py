from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fearrefactor.core.manifest import parse_row
from fearrefactor.core.model import ModelCard
from fearrefactor.core.policy_file import builtin_names, builtin_policy, parse_policy
from fearrefactor.storage.manifest_file import KINDS, manifest_kind, read_rows
from fearrefactor.vision.catalog import DEFAULT_MODEL, find

if TYPE_CHECKING:
    from fearrefactor.core.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "manifests"
POLICIES = sorted(FOLDER.rglob("*.yaml"))
MANIFESTS = sorted(path for path in FOLDER.rglob("*") if path.suffix in KINDS)


def policy_of(path: Path) -> Policy:
    return parse_policy(path.read_text("utf-8"), path.name)


def rows_of(path: Path) -> list[dict[str, object]]:
    kind = manifest_kind(path.name)
    assert kind is not None
    with path.open("rb") as file:
        rows = list(read_rows(file, kind))
    assert [row.error for row in rows] == [None] * len(rows)
    return [row.values or {} for row in rows]


def test_every_file_of_the_examples_is_tested_here() -> None:
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {*POLICIES, *MANIFESTS}
    assert POLICIES
    assert {path.suffix for path in MANIFESTS} == {".jsonl", ".csv"}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_every_example_policy_can_be_used_with_the_default_model(path: Path) -> None:
    policy = policy_of(path)
    assert policy.name == path.stem
    model = find(DEFAULT_MODEL)
    card = ModelCard(
        name=model.name, sha256="", classes=model.classes, long_side=640, licence=model.licence
    )
    for name in policy.classes:
        assert card.classes[card.class_id(name)] == name


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_every_example_policy_teaches_by_comments(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert f"manifests/policies/{path.name}" in text


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_row_of_an_example_manifest_can_be_done(path: Path) -> None:
    rows = [parse_row(number, values) for number, values in enumerate(rows_of(path), start=1)]
    assert len(rows) >= 3
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert row.uri.startswith("s3://")
        if row.policy is not None and row.policy.endswith(".yaml"):
            assert policy_of(ROOT / row.policy).rules
        elif row.policy is not None:
            assert builtin_policy(row.policy).rules
    assert any(row.extra for row in rows)


def test_the_example_manifests_say_the_same_in_their_own_way() -> None:
    said = [[parse_row(1, values) for values in rows_of(path)] for path in MANIFESTS]
    assert all(other == said[0] for other in said[1:])


def test_the_example_policies_bring_something_that_no_built_in_one_does() -> None:
    known = {builtin_policy(name).digest() for name in builtin_names()}
    assert not known & {policy_of(path).digest() for path in POLICIES}

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fearrefactor.core.policy import Effect, Policy, Rule

effects = st.builds(
    Effect,
    kind=st.sampled_from(["blur", "mosaic", "fill"]),
    strength=st.floats(0.01, 4),
    color=st.from_regex(r"\A#[0-9a-f]{6}\Z"),
)
rules = st.builds(
    Rule,
    classes=st.lists(st.sampled_from(["dog", "bird", "person"]), min_size=1).map(tuple),
    confidence=st.floats(0.01, 1),
    effect=effects,
    margin=st.floats(0, 1),
)
policies = st.builds(Policy, rules=st.lists(rules, min_size=1, max_size=3).map(tuple))


@given(policy=policies, name=st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z"))
def test_the_name_of_a_policy_does_not_change_its_digest(policy: Policy, name: str) -> None:
    assert policy.model_copy(update={"name": name}).digest() == policy.digest()


@given(one=policies, other=policies)
def test_policies_that_do_different_things_have_different_digests(
    one: Policy, other: Policy
) -> None:
    assert (one.digest() == other.digest()) == (one.rules == other.rules)


@given(policy=policies)
def test_a_policy_survives_json_with_its_digest(policy: Policy) -> None:
    assert Policy.model_validate_json(policy.model_dump_json()).digest() == policy.digest()


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    policy = Policy(rules=(Rule(classes=("dog",)),))
    assert policy.digest() == "94b07e0806d4c9cfa3fd8a1ce341f5d2bf08c45fb46a9d919d2b7630cbb5ad45"


def test_classes_are_named_once_and_in_order() -> None:
    policy = Policy(rules=(Rule(classes=("dog", "bird")), Rule(classes=("cat", "dog"))))
    assert policy.classes == ("dog", "bird", "cat")


def test_an_effect_may_be_just_its_name() -> None:
    rule = Rule.model_validate({"classes": ["dog"], "effect": "mosaic"})
    assert rule.effect == Effect(kind="mosaic")
    assert Effect(color="#FF8000").rgb == (255, 128, 0)


def test_a_policy_in_words_says_what_is_done() -> None:
    policy = Policy(
        rules=(
            Rule(classes=("dog", "bird", "cat"), margin=0.1),
            Rule(classes=("person",), confidence=0.5, effect=Effect(kind="mosaic", strength=2)),
            Rule(classes=("face",), effect=Effect(kind="fill", color="#404040", strength=2)),
        )
    )
    assert policy.in_words().splitlines() == [
        (
            "Every dog, bird or cat seen with a confidence of at least 0.25 is blurred, "
            "10% of its size beyond its outline."
        ),
        (
            "Every person seen with a confidence of at least 0.5 is covered with a mosaic at 2 "
            "times the usual strength, 5% of its size beyond its outline."
        ),
        (
            "Every face seen with a confidence of at least 0.25 is filled with #404040, "
            "5% of its size beyond its outline."
        ),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": []},
        {"classes": ["dog"], "confidence": 0},
        {"classes": ["dog"], "confidence": 1.01},
        {"classes": ["dog"], "confidence": float("nan")},
        {"classes": ["dog"], "margin": -0.1},
        {"classes": ["dog"], "effect": "erase"},
        {"classes": ["dog"], "effect": {"kind": "blur", "strength": 0}},
        {"classes": ["dog"], "effect": {"kind": "fill", "color": "red"}},
        {"classes": ["dog"], "colour": "#000000"},
    ],
)
def test_a_rule_that_would_mask_nothing_or_cannot_be_meant_is_refused(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": [wrong]})


def test_a_policy_without_rules_is_refused() -> None:
    with pytest.raises(ValidationError):
        Policy(rules=())

from __future__ import annotations

from typing import Any, get_args

import pytest

from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.presets import PRESETS, PURPOSE, Preset

DOG = {"classes": ["dog"]}


def first_rule(preset: str, rule: Any) -> Rule:
    return Policy.model_validate({"preset": preset, "rules": [rule]}).rules[0]


def test_every_preset_has_its_purpose_and_its_values() -> None:
    assert set(PRESETS) == set(PURPOSE) == set(get_args(Preset))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_in_what_the_file_leaves_out(preset: str) -> None:
    for_rules, for_policy = PRESETS[preset]
    policy = Policy.model_validate({"preset": preset, "rules": [DOG]})
    rule = policy.rules[0]
    assert rule == Rule.model_validate({**DOG, **for_rules})
    assert {name: getattr(policy, name) for name in for_policy} == for_policy


def test_the_more_cautious_a_preset_is_the_less_it_leaves_clear() -> None:
    comfort, privacy, strict = (
        first_rule(preset, DOG) for preset in ("comfort", "privacy", "strict")
    )
    for one, other in ((comfort, privacy), (privacy, strict)):
        assert one.confidence > other.confidence
        for field in ("margin", "spread_frames", "bridge_s", "extend_s"):
            assert getattr(one, field) <= getattr(other, field)
    assert (comfort.effect.kind, privacy.effect.kind, strict.effect.kind) == (
        "blur",
        "fill",
        "fill",
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_what_the_file_says_stays_as_it_is(preset: str) -> None:
    said = {**DOG, "confidence": 0.77, "margin": 0.3, "bridge_s": 0, "spread_frames": 0}
    rule = first_rule(preset, said)
    assert {name: getattr(rule, name) for name in said if name != "classes"} == {
        name: value for name, value in said.items() if name != "classes"
    }
    policy = Policy.model_validate({"preset": preset, "rules": [DOG], "in_doubt": "track"})
    assert policy.in_doubt == "track"


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("blur", Effect()),
        ({"kind": "mosaic", "strength": 2}, Effect(kind="mosaic", strength=2)),
        ("fill", Effect(kind="fill", color="surround")),
        ({"kind": "fill", "color": "#123456"}, Effect(kind="fill", color="#123456")),
        ({"color": "#123456"}, Effect(kind="fill", color="#123456")),
        ({"feather": 0.1}, Effect(kind="fill", color="surround", feather=0.1)),
    ],
)
def test_an_effect_has_of_the_preset_only_what_belongs_to_its_kind(
    effect: object, expected: Effect
) -> None:
    assert first_rule("privacy", {**DOG, "effect": effect}).effect == expected


def test_rules_that_are_values_are_filled_in_as_those_of_a_file_are() -> None:
    values = Rule(classes=("dog",), effect=Effect(kind="mosaic"), margin=0.3)
    as_text = {**DOG, "effect": "mosaic", "margin": 0.3}
    assert first_rule("strict", values) == first_rule("strict", as_text)
    assert Policy(preset="strict", rules=(values,)).rules[0] == first_rule("strict", values)


@pytest.mark.parametrize("rules", [None, 3, "dog", {"classes": ["dog"]}, [3], [None], [["dog"]]])
@pytest.mark.parametrize("preset", ["comfort", "privacy", None, ["strict"], "paranoid"])
def test_what_is_no_rule_or_no_preset_is_left_to_be_refused(preset: object, rules: object) -> None:
    with pytest.raises(ValueError, match=r"preset|rules"):
        Policy.model_validate({"preset": preset, "rules": rules})

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule
from fearrefactor.core.policy_file import parse_policy

CLASSES = ["dog", "bird", "person"]
shares = st.floats(0, 1)
places = st.builds(
    Effect,
    kind=st.sampled_from(["blur", "mosaic", "fill"]),
    strength=st.floats(0.01, 4),
    color=st.from_regex(r"\A#[0-9a-f]{6}\Z"),
)
pictured = st.builds(Effect, kind=st.just("sticker"), image=st.sampled_from(["a.png", "b.png"]))
around = st.builds(Effect, kind=st.just("fill"), color=st.just("surround"))
rules = st.builds(
    Rule,
    classes=st.lists(st.sampled_from(CLASSES), min_size=1).map(tuple),
    confidence=st.floats(0.01, 1),
    effect=places | pictured | around,
    margin=shares,
    spread_frames=st.integers(0, 30),
    bridge_s=st.floats(0, 60),
    extend_s=st.floats(0, 60),
    min_area=st.floats(0, 0.99),
)
boxes = st.builds(
    lambda x, y: (*(a[0] for a in (x, y)), *(a[1] for a in (x, y))),
    *[st.lists(shares, min_size=2, max_size=2, unique=True).map(sorted)] * 2,
)
polygons = st.lists(st.tuples(shares, shares), min_size=3, max_size=5).map(tuple)
times = st.builds(lambda start, lasts: (start, start + lasts), st.floats(0, 99), st.floats(1, 99))
always = st.builds(
    lambda place, time, effect: Always.model_validate(
        {**place, "start_s": time[0], "end_s": time[1], "effect": effect}
    ),
    boxes.map(lambda box: {"box": box}) | polygons.map(lambda p: {"polygon": p}) | st.just({}),
    times,
    places,
)
limits = st.none() | st.floats(0, 0.99)
policies = st.builds(
    Policy,
    preset=st.sampled_from(["comfort", "privacy", "strict"]),
    rules=st.lists(rules, min_size=1, max_size=3).map(tuple),
    always=st.lists(always, max_size=2).map(tuple),
    review=st.builds(Review, masked_frames=limits, masked_area=limits, uncertain=limits),
    in_doubt=st.sampled_from(["track", "whole_frame"]),
    on_leak=st.sampled_from(["fail", "review"]),
    keep_tags=st.sampled_from([(), ("artist",), ("artist", "comment")]),
)


@given(policy=policies, name=st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z"))
def test_the_name_of_a_policy_does_not_change_its_digest(policy: Policy, name: str) -> None:
    assert policy.model_copy(update={"name": name}).digest() == policy.digest()


@given(one=policies, other=policies)
def test_policies_that_do_different_things_have_different_digests(
    one: Policy, other: Policy
) -> None:
    nameless = [policy.model_copy(update={"preset": "comfort"}) for policy in (one, other)]
    assert (one.digest() == other.digest()) == (nameless[0] == nameless[1])


@given(policy=policies)
def test_a_policy_survives_json_with_its_digest(policy: Policy) -> None:
    assert Policy.model_validate_json(policy.model_dump_json()).digest() == policy.digest()


@given(policy=policies, preset=st.sampled_from(["comfort", "privacy", "strict"]))
def test_a_policy_that_leaves_nothing_out_survives_yaml_under_any_preset_and_order_of_keys(
    policy: Policy, preset: str
) -> None:
    said = {**policy.model_dump(mode="json"), "preset": preset}
    backwards = dict(reversed([(key, said[key]) for key in said]))
    backwards["rules"] = [dict(reversed(rule.items())) for rule in said["rules"]]
    text = yaml.safe_dump(backwards, sort_keys=False)
    assert parse_policy(text, "p.yaml").digest() == policy.digest()


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    policy = Policy(rules=(Rule(classes=("dog",)),))
    assert policy.digest() == "77a55cf6023fc21a1327bf1c04d65a69139af57b86a53f471614d1fdd5d0218c"


def test_classes_are_named_once_and_in_order() -> None:
    policy = Policy(
        rules=(Rule(classes=("dog", "bird")), Rule(classes=("cat", "dog"))),
        keep=(Keep(classes=("cat",), inside=("tv", "bird")),),
    )
    assert policy.classes == ("dog", "bird", "cat", "tv")


def test_an_effect_may_be_just_its_name() -> None:
    rule = Rule.model_validate({"classes": ["dog"], "effect": "mosaic"})
    assert rule.effect == Effect(kind="mosaic")
    assert Effect(color="#FF8000").rgb == (255, 128, 0)


DOG = {"classes": ["dog"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": []},
        {**DOG, "confidence": 0},
        {**DOG, "confidence": 1.01},
        {**DOG, "confidence": float("nan")},
        {**DOG, "margin": -0.1},
        {**DOG, "bridge_s": float("inf")},
        {**DOG, "spread_frames": 1.5},
        {**DOG, "effect": "erase"},
        {**DOG, "effect": {"kind": "blur", "strength": 0}},
        {**DOG, "effect": {"kind": "fill", "color": "red"}},
        {**DOG, "effect": {"kind": "mosaic", "color": "surround"}},
        {**DOG, "effect": "sticker"},
        {**DOG, "effect": {"kind": "background-image", "image": ""}},
        {**DOG, "effect": {"kind": "blur", "image": "a.png"}},
        {**DOG, "margin": 0.05, "effect": {"kind": "blur", "feather": 0.06}},
        {**DOG, "colour": "#000000"},
    ],
)
def test_a_rule_that_would_mask_nothing_or_cannot_be_meant_is_refused(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": [wrong]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"box": [0.4, 0, 0.4, 1]},
        {"box": [0, 0.5, 1, 0.4]},
        {"box": [0, 0, 1.01, 1]},
        {"box": [0, 0, 1]},
        {"box": [0, 0, 1, float("nan")]},
        {"polygon": [[0, 0], [1, 1]]},
        {"polygon": [[0, 0], [1, 1], [-0.1, 0]]},
        {"box": [0, 0, 1, 1], "polygon": [[0, 0], [1, 1], [0, 1]]},
        {"start_s": 3, "end_s": 3},
        {"start_s": float("inf")},
        {"effect": "background-blur"},
        {"effect": {"kind": "sticker", "image": "a.png"}},
        {"effect": {"kind": "fill", "color": "surround"}},
        {"effect": {"kind": "blur", "feather": 0.01}},
    ],
)
def test_a_place_or_time_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"always": [wrong]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": ["dog"], "inside": ["dog"]},
        {"classes": ["dog"], "inside": ["tv", " Dog"]},
        {"classes": ["cat"], "inside": ["tv"]},
        {"classes": ["bird"], "inside": ["tv"]},
        {"classes": ["dog"], "inside": []},
        {"classes": ["dog"], "inside": ["tv"], "share": 0},
    ],
)
def test_an_exception_that_means_nothing_or_too_much_is_refused(wrong: dict[str, object]) -> None:
    rules = [DOG, {"classes": ["bird"], "effect": "background-blur"}]
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": rules, "keep": [wrong]})
    good = {"classes": ["DOG"], "inside": ["tv"]}
    assert Policy.model_validate({"rules": rules, "keep": [good]}).keep[0].share == 0.9


def test_a_feather_reaches_to_the_margin_and_further_only_round_what_is_left_clear() -> None:
    for kind, feather in (("blur", 0.1), ("background-blur", 0.2)):
        rule = {**DOG, "margin": 0.1, "effect": {"kind": kind, "feather": feather}}
        assert Rule.model_validate(rule).effect.feather == feather


def test_two_rules_that_hide_what_the_other_leaves_clear_are_refused() -> None:
    clear = {"classes": ["dog"], "effect": "background-blur"}
    assert Policy.model_validate({"rules": [clear, DOG]}).rules[0].effect.is_background
    with pytest.raises(ValidationError, match="at most one rule with a background"):
        Policy.model_validate({"rules": [clear, {**clear, "classes": ["bird"]}]})


def test_a_place_alone_is_a_policy() -> None:
    policy = Policy.model_validate({"rules": [], "always": [{"end_s": 3}]})
    assert policy.classes == ()
    assert policy.always[0].effect == Effect(kind="fill")


def test_a_policy_without_rules_is_refused() -> None:
    with pytest.raises(ValidationError):
        Policy(rules=())

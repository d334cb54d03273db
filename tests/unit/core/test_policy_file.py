from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule
from fearrefactor.core.policy_file import builtin_names, builtin_policy, parse_policy
from fearrefactor.errors import PolicyError

GOOD = """\
# who is hidden
name: animals
rules:
  - classes: [dog, bird]
    confidence: 0.4
    effect:
      kind: fill
      color: "#404040"
  - classes: [cat]
"""


def test_a_file_becomes_the_policy_that_it_says() -> None:
    policy = parse_policy(GOOD, "p.yaml")
    assert policy.name == "animals"
    assert policy.classes == ("dog", "bird", "cat")
    assert policy.rules[0].effect.kind == "fill"
    assert policy.rules[1].confidence == 0.25


@pytest.mark.parametrize(
    "same",
    [
        GOOD.replace("animals", "beasts"),
        GOOD.replace("# who is hidden", "# something else\n\n"),
        GOOD.replace("[dog, bird]", "\n      - dog\n      - bird"),
        (
            "{rules: [{effect: {color: '#404040', kind: fill}, classes: [dog, bird], "
            "confidence: 0.4}, {classes: [cat], margin: 0.015}]}"
        ),
    ],
)
def test_layout_comments_and_names_do_not_change_the_digest(same: str) -> None:
    assert parse_policy(same, "q").digest() == parse_policy(GOOD, "p").digest()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "confidence: 0.4",
            "confidence: high",
            (
                "p.yaml, line 5: rules.0.confidence: Input should be a valid number, "
                "unable to parse string as a number, got 'high'"
            ),
        ),
        (
            "kind: fill",
            "kind: erase",
            (
                "p.yaml, line 7: rules.0.effect.kind: Input should be 'blur', 'mosaic', 'fill', "
                "'background-blur', 'background-image' or 'sticker', got 'erase'"
            ),
        ),
        (
            "    confidence",
            "    confidense",
            (
                "p.yaml, line 5: rules.0.confidense: there is no such field; did you mean "
                "confidence? expected classes, confidence, effect, margin, spread_frames, "
                "bridge_s, extend_s, min_area, got 0.4"
            ),
        ),
        (
            "- classes: [cat]",
            "- effect: blur",
            "p.yaml, line 9: rules.1.classes: Field required",
        ),
        (
            "[cat]",
            "cat",
            "p.yaml, line 9: rules.1.classes: expected a list, as in [person, dog], got 'cat'",
        ),
        (
            "[dog, bird]",
            "[dog, yes]",
            "p.yaml, line 4: rules.0.classes.1: Input should be a valid string, got True",
        ),
        (
            '"#404040"',
            "#404040",
            (
                "p.yaml, line 8: rules.0.effect.color: expected '#rrggbb', in quotes since # "
                "begins a comment, or surround, got None"
            ),
        ),
        (
            "kind: fill",
            "hue: 3",
            (
                "p.yaml, line 7: rules.0.effect.hue: there is no such field; expected kind, "
                "strength, color, image, feather, got 3"
            ),
        ),
        (
            "kind: fill",
            "kind: sticker",
            "p.yaml, line 6: rules.0.effect: sticker needs 'image', the path or address of a",
        ),
        (
            "    effect:\n      kind: fill\n      color",
            "    effect: [fill]\n    #",
            (
                "p.yaml, line 6: rules.0.effect: expected the name of an effect, or its fields "
                "beginning with 'kind', got ['fill']"
            ),
        ),
        (
            "[cat]",
            "[cat]\n    effect: {feather: 0.1}",
            "p.yaml, line 9: rules.1: expected a feather of at most the margin, 0.015, got 0.1: ",
        ),
        (
            "rules:",
            "preset: paranoid\nrules:",
            "p.yaml, line 3: preset: Input should be 'comfort', 'privacy' or 'strict', got 'para",
        ),
        ("rules:", "preset: [strict]\nrules:", "p.yaml, line 3: preset: Input should be 'comfort'"),
        ("name: animals", "name: my animals", "p.yaml, line 2: name: expected up to 64 letters"),
        (
            "rules:",
            "review: {masked_frame: 0.5}\nrules:",
            (
                "p.yaml, line 3: review.masked_frame: there is no such field; did you mean "
                "masked_frames? expected masked_frames, masked_area, uncertain, got 0.5"
            ),
        ),
        (
            "rules:",
            "always:\n  - end_s: 3\n  - box: [0, 0, 640, 0.5]\nrules:",
            (
                "p.yaml, line 5: always.1.box.2: expected shares of the picture's width and "
                "height, "
                "from 0 to 1, got 640"
            ),
        ),
        (
            "rules:",
            "always:\n  - end_s: 3\n    box: [0.5, 0, 0.2, 1]\nrules:",
            (
                "p.yaml, line 5: always.0.box: expected [x1, y1, x2, y2] with x1 < x2 and y1 < y2, "
                "got [0.5, 0.0, 0.2, 1.0]"
            ),
        ),
        (
            "rules:",
            "always: [{polygon: [[0, 0], [1, 1]]}]\nrules:",
            "p.yaml, line 3: always.0.polygon: expected at least 3 entries, got [[0, 0], [1, 1]]",
        ),
        (
            "rules:",
            "keep: [{classes: [horse], inside: [tv]}]\nrules:",
            "p.yaml, line 3: keep: expected classes that a rule masks (bird, cat, dog), got horse",
        ),
        (
            "rules:",
            "keep: [{classes: [dog], inside: [dog]}]\nrules:",
            "p.yaml, line 3: keep.0: expected different things in 'classes' and 'inside', got dog",
        ),
        ("name: animals", "always_on: 3", "p.yaml, line 2: always_on: there is no such field; did"),
        ("  - classes: [cat]", "rules: []", "p.yaml, line 9: 'rules' stands here twice"),
        ("    effect:", "    confidence: 0.1\n    effect:", "p.yaml, line 6: 'confidence' stands"),
    ],
)
def test_a_message_names_the_line_the_field_and_what_stands_there(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(GOOD.replace(old, new), "p.yaml")
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.code == "bad_policy"


def test_every_problem_is_named_and_not_only_the_first() -> None:
    text = GOOD.replace("0.4", "4").replace("[cat]", "[]")
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "p.yaml, line 5",
        "p.yaml, line 9",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected 'rules:'"),
        ("- dog\n- bird\n", r"line 1: expected 'rules:' or 'always:' with a list, got \['dog'"),
        ("rules: [\n  {classes: [dog}\n]", "line 2: not YAML"),
        ("rules:\n\t- classes", "line 2: not YAML"),
        ("a: 1\n---\nb: 2\n", "line 2: not YAML"),
        ("name: 2024-13-45\n", "not YAML: month"),
        ("name: !!python/object/apply:os.system [id]\n", "line 1: not YAML"),
        ("\x00", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("&a [*a]", "line 1: expected 'rules:'"),
    ],
)
def test_what_is_no_policy_at_all_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=f"p.yaml.*{message}"):
        parse_policy(text, "p.yaml")


@given(text=st.text())
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    with pytest.raises(PolicyError, match=r"p\.yaml"):
        parse_policy(text, "p.yaml")


MODELS = (Policy, Rule, Effect, Always, Keep, Review)
words = st.sampled_from(
    [name for model in MODELS for name in model.model_fields]
    + ["fill", "sticker", "background-blur", "strict", "surround", "dog"]
)
numbers = st.integers(-1, 2) | st.floats() | st.booleans() | st.none() | st.dates()
anything = st.recursive(
    words | numbers | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | numbers, inner, max_size=4),
    max_leaves=12,
)


def problems(content: dict[str, object]) -> list[str]:
    try:
        parse_policy(yaml.safe_dump(content), "p.yaml")
    except PolicyError as error:
        return str(error).splitlines()
    return []


@given(content=st.dictionaries(words, anything, max_size=4))
def test_any_yaml_is_a_policy_or_refused_with_lines(content: dict[str, object]) -> None:
    assert all(re.match(r"p\.yaml, line \d+: ", line) for line in problems(content))


@given(rule=st.dictionaries(words, anything, max_size=4), place=anything, keep=anything)
def test_any_rule_place_and_exception_is_taken_or_refused_with_lines(
    rule: dict[str, object], place: object, keep: object
) -> None:
    content = {"rules": [rule, {"classes": ["dog"]}], "always": [place], "keep": [keep]}
    assert all(re.match(r"p\.yaml, line \d+: ", line) for line in problems(content))


def test_every_built_in_policy_can_be_used_under_its_own_name() -> None:
    assert builtin_names()
    for name in builtin_names():
        assert builtin_policy(name).name == name


def test_an_unknown_policy_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(PolicyError, match=r"no policy 'nobody'; expected .*people"):
        builtin_policy("nobody")

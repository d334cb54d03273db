from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
            "confidence: 0.4}, {classes: [cat], margin: 0.05}]}"
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
                "p.yaml, line 7: rules.0.effect.kind: Input should be 'blur', 'mosaic' or 'fill', "
                "got 'erase'"
            ),
        ),
        (
            "    confidence",
            "    confidense",
            "p.yaml, line 5: rules.0.confidense: Extra inputs are not permitted, got 0.4",
        ),
        (
            "- classes: [cat]",
            "- effect: blur",
            "p.yaml, line 9: rules.1.classes: Field required",
        ),
        (
            "[cat]",
            "cat",
            "p.yaml, line 9: rules.1.classes: Input should be a valid tuple, got 'cat'",
        ),
        (
            "[dog, bird]",
            "[dog, yes]",
            "p.yaml, line 4: rules.0.classes.1: Input should be a valid string, got True",
        ),
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
        ("- dog\n- bird\n", r"line 1: expected 'rules:' with a list, got \['dog'"),
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


def test_every_built_in_policy_can_be_used_under_its_own_name() -> None:
    assert builtin_names()
    for name in builtin_names():
        assert builtin_policy(name).name == name


def test_an_unknown_policy_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(PolicyError, match=r"no policy 'nobody'; expected .*people"):
        builtin_policy("nobody")

"""Policies as YAML, with messages that name the line."""

from __future__ import annotations

import difflib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError

from fearrefactor.core.policy import Always, Effect, Keep, Policy, Review, Rule
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails


#: What stands under each name in a policy, for messages.
_FIELDS: Final[dict[str, type[BaseModel]]] = {
    "rules": Rule,
    "always": Always,
    "keep": Keep,
    "review": Review,
    "effect": Effect,
}
#: What was expected, by the kind of a problem or by the field that has it.
_EXPECTED: Final = {
    "tuple_type": "expected a list, as in [person, dog]",
    "model_type": "expected fields and their values",
    "name": "expected up to 64 letters, digits, dots, hyphens and underscores",
    "color": "expected '#rrggbb', in quotes since # begins a comment, or surround",
    "effect": "expected the name of an effect, or its fields beginning with 'kind'",
}


def parse_policy(text: str, origin: str) -> Policy:
    """A policy from the text of a YAML file; ``origin`` names it in messages.

    Raises:
        PolicyError: naming the line, the field, what was expected and what stands there.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{origin}, line {line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # as a date without such a day
        raise PolicyError(f"{origin}: not YAML: {error}") from error
    _refuse_repeated_keys(root, origin)
    if not isinstance(content, dict):
        raise PolicyError(
            f"{origin}, line 1: expected 'rules:' or 'always:' with a list, got {content!r:.80}"
        )
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{origin}, line {_line(root, problem['loc'])}: "
            f"{'.'.join(map(str, problem['loc'])) or 'policy'}: {_in_words(problem)}"
            for problem in told_once(error)
        ]
        raise PolicyError("\n".join(problems)) from error


def builtin_names() -> list[str]:
    """Names of the policies that come with the program."""
    files = resources.files("fearrefactor.policies").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def builtin_policy(name: str) -> Policy:
    """A policy that comes with the program.

    Raises:
        PolicyError: there is none of this name.
    """
    if name not in builtin_names():
        raise PolicyError(
            f"there is no policy {name!r}; expected {', '.join(builtin_names())}, "
            "or a path or s3:// address that ends in .yaml"
        )
    text = (resources.files("fearrefactor.policies") / f"{name}.yaml").read_text("utf-8")
    return parse_policy(text, f"built-in policy {name}")


def told_once(error: ValidationError) -> list[ErrorDetails]:
    """The problems without those that only follow from one further inside."""
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem, place in zip(problems, places, strict=True)
        if not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def _in_words(problem: ErrorDetails) -> str:
    """What is wrong, what was expected, and what stands there."""
    kind, place = problem["type"], problem["loc"]
    if kind == "value_error":  # the policy's own words, which show what stands there
        return problem["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return problem["msg"]
    expected = _EXPECTED.get(kind, problem["msg"])
    if kind == "extra_forbidden":
        expected = _allowed_beside(place)
    elif kind == "too_short":
        expected = f"expected at least {problem['ctx']['min_length']} entries"
    elif "box" in place or "polygon" in place:
        expected = "expected shares of the picture's width and height, from 0 to 1"
    elif place[-1] in _EXPECTED:
        expected = _EXPECTED[str(place[-1])]
    return f"{expected}, got {problem['input']!r:.60}"


def _allowed_beside(place: tuple[int | str, ...]) -> str:
    """The fields that may stand where one stands that there is not, the nearest first."""
    parents = [step for step in place[:-1] if isinstance(step, str)]
    fields = list((_FIELDS[parents[-1]] if parents else Policy).model_fields)
    near = difflib.get_close_matches(str(place[-1]), fields, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no such field; {meant}expected {', '.join(fields)}"


def _refuse_repeated_keys(root: Any, origin: str) -> None:
    """YAML would take the last one, and the rules before it would be gone without a word."""
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if not isinstance(node, yaml.MappingNode):
            nodes += node.value
            continue
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                line = key.start_mark.line + 1
                raise PolicyError(f"{origin}, line {line}: {key.value!r} stands here twice")
            keys.add(key.value)
            nodes.append(value)


def _line(node: Any, path: Sequence[str | int]) -> int:
    """Line of the deepest part of ``path`` that the file has; a missing field is in its parent."""
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == step]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                return line
            node = node.value[step]
            line = node.start_mark.line + 1
    return line

"""Policies as YAML, with messages that name the line."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from fearrefactor.core.policy import Policy
from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails


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
        raise PolicyError(f"{origin}, line 1: expected 'rules:' with a list, got {content!r:.80}")
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{origin}, line {_line(root, problem['loc'])}: "
            f"{'.'.join(map(str, problem['loc'])) or 'policy'}: {problem['msg']}"
            + (f", got {problem['input']!r:.60}" if problem["type"] != "missing" else "")
            for problem in _told_once(error)
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


def _told_once(error: ValidationError) -> list[ErrorDetails]:
    """The problems without those that only follow from one further inside."""
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem, place in zip(problems, places, strict=True)
        if not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


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

"""Decisions from the text of a JSON file, which nobody here has written."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from fearrefactor.core.decisions import Decisions
from fearrefactor.core.policy_file import told_once
from fearrefactor.core.report import printable
from fearrefactor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

#: Of a whole file: decisions about tens of thousands of videos.
LIMIT_BYTES: Final = 16_000_000
#: So many problems are named; the others are counted.
_N_NAMED: Final = 20


def parse_decisions(content: bytes, origin: str) -> Decisions:
    """Decisions from a JSON file; ``origin`` names it in messages.

    Raises:
        InputError: naming every field that is wrong, what was expected and what stands there.
    """
    if len(content) > LIMIT_BYTES:
        raise InputError(
            f"{origin}: expected at most {LIMIT_BYTES} bytes of decisions; write several files"
        )
    try:
        told = json.loads(content, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8
        raise InputError(f"{origin}: not JSON: {error}") from error
    try:
        return Decisions.model_validate(told)
    except ValidationError as error:
        raise InputError(named_together(origin, map(_in_words, told_once(error)))) from error


def named_together(origin: str, problems: Iterable[str]) -> str:
    """Problems of a file, a line each; after the first few only how many there are."""
    lines = [f"{origin}: {problem}" for problem in problems]
    rest = len(lines) - _N_NAMED
    return "\n".join(lines[:_N_NAMED] + ([f"{origin}: and {rest} more"] if rest > 0 else []))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON would take the last one: a file could show one decision and mean another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r:.80} stands twice in one object")
    return found


def _in_words(problem: ErrorDetails) -> str:
    """Where it is, what was expected, and what stands there."""
    place = ".".join(map(str, problem["loc"])) or "the file"
    if problem["type"] == "value_error":  # our own words, which show what stands there
        return printable(f"{place}: {problem['msg'].removeprefix('Value error, ')}")
    if problem["type"] == "missing":
        return printable(f"{place}: is missing")
    return printable(f"{place}: {problem['msg']}, got {problem['input']!r:.80}")

"""Every command that a page shows, as a reader would type it.

In blocks: all that is neither data (YAML, JSON, Python) nor fenced as another language is shell, so
that no command is passed over because nobody knows its program. In running text: ``fearrefactor …``
and ``make …`` in spans of code, where nothing that they require is left to the reader.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click
import yaml
from commands import Command, check, commands_in

from fearrefactor.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:    \S.*\n(?:(?:    .*)?\n)*)", re.MULTILINE)
_SPAN = re.compile(r"`((?:fearrefactor|make)\s[^`]+)`")
_INNER = re.compile(r"\$\(([^()]+)\)")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_JOINS = frozenset({";", "&", "&&", "|", "||", "(", ";;"})
_KEYWORDS = frozenset({"do", "then", "else", "if", "while", "!", "{"})
_NO_PROGRAMS = frozenset({"for", "done", "fi", "}", "["})


@dataclass(frozen=True)
class Shown:
    """A statement of the shell, or a block of Python, on ``line`` (from 1) of a page."""

    line: int
    text: str
    kind: Literal["shell", "python"] = "shell"
    is_in_text: bool = False

    @property
    def starts(self) -> tuple[tuple[str, ...], ...]:
        """Words of each program that it starts, whose names are without their folders."""
        return tuple(_starts(self.text)) if self.kind == "shell" else ()

    @property
    def leaves_out(self) -> bool:
        """Whether words of it are left to the reader, so that it can only be parsed."""
        return any("…" in word for words in self.starts for word in words)


def shown_in(page: str) -> list[Shown]:
    """All that a reader could type or paste, in the page's order.

    Raises:
        ValueError: a block of shell is no shell.
    """
    found = []
    rest = page
    for match in _FENCE.finditer(page):
        rest = rest.replace(match[0], re.sub(r"[^\n]", " ", match[0]), 1)
        body = re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        line = page.count("\n", 0, match.start("body")) + 1
        if match["language"] in {"sh", "bash", "shell", "console"}:
            found += _statements(body, line)
        elif match["language"] == "python":
            found.append(Shown(line, body, "python"))
        elif not match["language"]:
            _hold_no_commands(body, line)
    spans = rest
    for match in _INDENTED.finditer(rest):
        body = re.sub(r"^ {4}", "", match[0], flags=re.MULTILINE)
        spans = spans.replace(match[0], re.sub(r"[^\n]", " ", match[0]), 1)
        line = rest.count("\n", 0, match.start()) + 1
        if _is_python(body):
            found.append(Shown(line, body, "python"))
        elif _is_data(body):
            _hold_no_commands(body, line)
        else:
            found += _statements(body, line)
    found += list(_in_spans(spans))
    return sorted(found, key=lambda one: one.line)


def _hold_no_commands(body: str, line: int) -> None:
    if commands_in(body):
        raise ValueError(f"line {line}: expected commands in a block of their own, fenced as sh")


def _in_spans(text: str) -> Iterator[Shown]:
    for match in _SPAN.finditer(text):
        said = " ".join(match[1].split())
        line = text.count("\n", 0, match.start()) + 1
        told = commands_in(f"`{said}`")
        if said.startswith("make ") or all(_is_whole(command) for command in told):
            yield Shown(line, said, is_in_text=True)


def _is_whole(command: Command) -> bool:
    """Whether nothing that it requires is left to the reader; raises for any other mistake."""
    if any("…" in word for word in command.words):
        check(command)
        return False
    if _is_group(command):
        return False
    try:
        check(Command(command.program, (*command.words, "--"), command.line))  # its bare name, too
    except click.MissingParameter:
        return False
    return True


def _is_group(command: Command) -> bool:
    found: click.Command = cli
    for word in command.words:
        if not isinstance(found, click.Group) or word.startswith("-"):
            return False
        found = found.commands[word]
    return isinstance(found, click.Group)


def _statements(body: str, first: int) -> Iterator[Shown]:
    """What a shell would run one after the other; each is whole as ``bash`` reads it."""
    held, begun = "", first
    for number, line in enumerate(body.splitlines(), start=first):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = begun if held else number
        held += line + "\n"
        if not line.endswith("\\") and _parses(held):
            yield Shown(begun, held.strip())
            held = ""
    if held:
        raise ValueError(f"line {begun}: expected shell, Python, YAML or JSON: {held[:200]!r}")


def _parses(text: str) -> bool:
    told = subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False)
    return told.returncode == 0


def _starts(text: str) -> Iterator[tuple[str, ...]]:
    lexer = shlex.shlex(
        text.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=True
    )
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in _JOINS or (word in _KEYWORDS and not words):
            if words and words[0] not in _NO_PROGRAMS:
                yield (words[0].rsplit("/", 1)[-1], *words[1:])
            words = []
        elif words or not _ASSIGNED.match(word):
            words.append(word)
    for match in _INNER.finditer(text):
        yield tuple(shlex.split(match[1]))


def _is_python(body: str) -> bool:
    try:
        ast.parse(body)
    except SyntaxError:
        return False
    return "(" in body


def _is_data(body: str) -> bool:
    if body.lstrip().startswith("{"):
        return True
    try:
        return isinstance(yaml.safe_load(body), (dict, list))
    except yaml.YAMLError:
        return False

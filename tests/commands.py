"""The commands that a text shows, and whether the command line takes them. Nothing is run."""

from __future__ import annotations

import re
import runpy
import shlex
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

import click

from fearrefactor.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
#: What may stand between the place where a command can begin and its name.
_BEGINS = (
    r"(?:^[ \t]*(?:[#$>-][ \t]+)*|`|(?:&&|\|\||[;|(&]|\bdo|\bthen|[ \t]--)[ \t]+|\$\()"
    r"(?:[A-Z_]+=\S+[ \t]+)*"
    r"(?:\S*python3?\"?[ \t]+)?"
)
_COMMAND = re.compile(
    _BEGINS + r"(?:[\w.$/-]*/)?(?P<name>fearrefactor|jobs/mask_videos\.py)(?=[ \t\n])",
    flags=re.MULTILINE,
)
_WORD = re.compile("-|[a-z…]")
_OPERATORS = frozenset("();<>|&")
#: Words that stand for what a reader fills in.
_LEFT_OUT = frozenset({"…", "..."})


@dataclass(frozen=True)
class Command:
    """One command as a text shows it, without what a shell does with its output.

    ``words`` follow the program's name; ``line`` is where it begins, from 1.
    """

    program: str
    words: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.program} {' '.join(self.words)}"


def commands_in(text: str) -> list[Command]:
    """Every ``fearrefactor …`` and ``jobs/mask_videos.py …`` where a command may begin.

    In a shell script, Markdown (blocks and spans of code), comments, YAML or a Dockerfile.

    Raises:
        ValueError: a quotation in a command is never closed.
    """
    found = []
    for match in _COMMAND.finditer(text):
        words = _words_from(text, match.end("name"))
        if words and _WORD.match(words[0]):
            line = text.count("\n", 0, match.start("name")) + 1
            found.append(Command(match["name"], words, line))
    return found


def check(command: Command) -> None:
    """Hold a command against the command line.

    Paths need not exist. Where words are left out (``…``), or nothing but its name is said, what it
    requires may be missing.

    Raises:
        click.UsageError: there is no such command or option, a value is none that it takes, or
            something is missing.
    """
    found: click.Command = cli if command.program == "fearrefactor" else _job()
    words = [word for word in command.words if word not in _LEFT_OUT]
    is_whole = len(words) == len(command.words)
    check_words(found, command.program, words, is_whole=is_whole)


def check_words(
    found: click.Command, program: str, words: list[str], *, is_whole: bool = True
) -> None:
    """Hold words against any program of click's, as ``check`` does."""
    # With its settings: click keeps the help option that it makes for the first context.
    context = click.Context(found, info_name=program, **found.context_settings)
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, child, words = found.resolve_command(context, words)
        assert child is not None
        found = child
        context = click.Context(found, info_name=name, parent=context, **found.context_settings)
    if words:
        _check_words(found, context, words, is_whole=is_whole)


def _check_words(
    command: click.Command, context: click.Context, words: list[str], *, is_whole: bool
) -> None:
    given, extra, _ = command.make_parser(context).parse_args(list(words))
    if extra:
        raise click.UsageError(f"expected no {extra[0]!r}", context)
    helping = command.get_help_option(context)
    if "version" in given or (helping is not None and helping.name in given):
        return
    for parameter in command.get_params(context):
        value, _ = parameter.consume_value(context, given)
        if parameter.value_is_missing(value):
            if is_whole and parameter.required:
                raise click.MissingParameter(ctx=context, param=parameter)
        elif not isinstance(parameter.type, (click.Path, click.File)):
            parameter.type_cast_value(context, value)


@cache
def _job() -> click.Command:
    found = runpy.run_path(str(ROOT / "jobs" / "mask_videos.py"))["mask_videos"]
    assert isinstance(found, click.Command)
    return found


def _words_from(text: str, start: int) -> tuple[str, ...]:
    """What follows a program's name, to the end of its span of code, or of its lines."""
    paragraph = text.rfind("\n\n", 0, start) + 1
    before = text[paragraph:start]
    if "```" not in before and before.count("`") % 2 == 1:
        return _words(text[start : text.index("`", start)].replace("\n", " "))
    rest = ""
    for line in text[start:].split("\n"):
        rest += re.sub(r"^[ \t]*#[ \t]+", "", line) if rest else line
        if rest.endswith("\\"):
            rest = rest[:-1]
            continue
        try:
            return _words(rest)
        except ValueError:  # a quotation that the next line closes
            rest += "\n"
    raise ValueError(f"expected a quotation to be closed after {text[start : start + 60]!r}")


def _words(rest: str) -> tuple[str, ...]:
    lexer = shlex.shlex(rest, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return tuple(takewhile(lambda word: not word or not _OPERATORS.issuperset(word), lexer))

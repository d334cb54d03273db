from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from fearrefactor.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shell import Shell

ROOT = Path(__file__).resolve().parents[3]
JOB: click.Command = runpy.run_path(str(ROOT / "jobs" / "mask_videos.py"))["mask_videos"]


def tree(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """The command and all under it, by what is typed to get there."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from tree(below, (*path, name))


COMMANDS = dict([*tree(cli, ("fearrefactor",)), ("mask_videos.py", JOB)])


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_every_option_says_what_it_is_for(path: str) -> None:
    command = COMMANDS[path]
    assert (command.help or "").strip().endswith((".", "out", ")"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert (parameter.help or "").strip(), f"{path} {parameter.opts[0]} has no help"
        else:
            shown = parameter.make_metavar(click.Context(command)).strip("[].")
            assert shown.removesuffix("...") in (command.help or ""), f"{path} {shown}"


@pytest.mark.parametrize("path", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_every_command_works(path: str, flag: str) -> None:
    if path == "mask_videos.py" and flag == "-h":
        flag = "--help"  # the job has no group above it that gives it the short form
    words = path.split()[1:]
    command = JOB if path == "mask_videos.py" else cli
    result = CliRunner().invoke(command, [*words, flag])
    assert result.exit_code == 0
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert max(parameter.opts, key=len) in result.output


def test_the_first_help_shows_how_to_start_and_names_every_command() -> None:
    said = CliRunner().invoke(cli, ["--help"]).output
    assert "Start with: fearrefactor mask VIDEO --classes person --output out" in said
    for name in (
        "mask",
        "manifest",
        "models",
        "inspect",
        "policy",
        "evaluate",
        "status",
        "reconcile",
        "report",
        "retry",
    ):
        assert f"\n  {name} " in said


@pytest.mark.parametrize(
    "path",
    [path for path, command in COMMANDS.items() if not isinstance(command, click.Group)],
)
def test_every_command_that_answers_can_answer_as_json(path: str) -> None:
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert ("--json" in options) != ("--output" in options and "--effect" in options)


def test_the_job_has_the_options_of_mask_and_a_manifest_for_sources() -> None:
    def names(command: click.Command) -> set[str]:
        return {str(parameter.name) for parameter in command.params}

    assert names(JOB) == names(cli.commands["mask"]) - {"sources"} | {"manifest"}


def test_the_version_is_that_of_the_package() -> None:
    from fearrefactor import __version__

    said = CliRunner().invoke(cli, ["--version"]).output
    assert said == f"fearrefactor, version {__version__}\n"


def test_the_job_without_a_manifest_says_what_is_missing(shell: Shell) -> None:
    said = shell("--output", "out", command=JOB)
    assert (said.code, said.out) == (1, "")
    assert "Missing option '--manifest'" in said.err

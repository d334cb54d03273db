"""The command line in this process, as its entry point runs it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.cli.main import cli, run_command

if TYPE_CHECKING:
    import click


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands as the entry point does, with an output that is no terminal."""

    def __call__(self, *words: object, command: click.Command = cli) -> Said:
        """Run ``fearrefactor WORDS…``."""
        out, err = io.StringIO(), io.StringIO()
        code: object = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run_command(command, [str(word) for word in words])
            except SystemExit as end:
                code = end.code
        assert isinstance(code, int)
        return Said(code, out.getvalue(), err.getvalue())

"""The command line: ``fearrefactor --help`` is where to start."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

import fearrefactor
from fearrefactor.cli.evaluate import evaluate
from fearrefactor.cli.inspect import inspect
from fearrefactor.cli.manifest import manifest
from fearrefactor.cli.mask import mask
from fearrefactor.cli.models import models
from fearrefactor.cli.policy import policy
from fearrefactor.cli.preview import preview
from fearrefactor.cli.reconcile import reconcile
from fearrefactor.cli.render import render
from fearrefactor.cli.report import report
from fearrefactor.cli.retry import retry
from fearrefactor.cli.review import review
from fearrefactor.cli.sql import sql
from fearrefactor.cli.status import status
from fearrefactor.cli.sweep import sweep
from fearrefactor.core.report import ExitCode
from fearrefactor.errors import FearRefactorError, StoppedError
from fearrefactor.pipeline.log_lines import is_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(fearrefactor.__version__, prog_name="fearrefactor")
def cli() -> None:
    """Mask what people must not see in videos, on a laptop or on a Ray cluster.

    Start with: fearrefactor mask VIDEO --classes person --output out
    """


_COMMANDS = (
    mask,
    render,
    status,
    reconcile,
    report,
    retry,
    sweep,
    manifest,
    models,
    inspect,
    preview,
    policy,
    evaluate,
    review,
    sql,
)
for command in _COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point: errors of this project become one message and exit code 1."""
    run_command(cli)


def run_command(command: click.Command, arguments: Sequence[str] | None = None) -> None:
    """Run a command; what cannot be done ends with a message that says what to do.

    ``arguments`` None are those of the process.
    """
    try:
        command.main(arguments, standalone_mode=False)
    except StoppedError as error:
        _say(f"Stopped: {error}")
        sys.exit(int(ExitCode.STOPPED))
    except FearRefactorError as error:
        _say(f"Error: {error}")
        sys.exit(int(ExitCode.NO_RUN))
    except click.ClickException as error:
        error.show()
        sys.exit(int(ExitCode.NO_RUN))
    except click.Abort:
        _say("Stopped.")
        sys.exit(130)
    except Exception:
        if not is_json():
            raise
        # As one line, not as the many of a bare traceback; the exit code is the same.
        _log.critical("Error: nobody foresaw this", exc_info=True)
        sys.exit(int(ExitCode.NO_RUN))


def _say(last_words: str) -> None:
    if is_json():
        _log.error("%s", last_words)
    else:
        click.echo(last_words, err=True)


if __name__ == "__main__":
    main()

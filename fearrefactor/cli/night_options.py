"""``--notify``, ``--log-format`` and ``--log-level``: a run that nobody sits beside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from fearrefactor.cli.notices import Notices
from fearrefactor.errors import InputError
from fearrefactor.notify.sns import Topic
from fearrefactor.notify.webhook import Webhook
from fearrefactor.pipeline.log_lines import LogFormat, LogLevel, LogSettings, start_logging

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.notify.notice import Channel

_C = TypeVar("_C", bound="Callable[..., Any]")


def night_options(command: _C) -> _C:
    """Add the options to a command that does a run; they go to ``begun_night``."""
    for option in (_log_level, _log_format, _notify):
        command = option(command)
    return command


def begun_night(
    run_id: str,
    output: str,
    *,
    notify: tuple[Channel, ...],
    log_format: LogFormat,
    log_level: LogLevel,
) -> tuple[Notices, LogSettings]:
    """From now on this process logs as was asked; do all of the run within the notices."""
    log = LogSettings(log_format, log_level)
    if log.format == "json":  # else Ray colours what workers log, and writes into lines like others
        os.environ.setdefault("RAY_COLOR_PREFIX", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    start_logging(log, run_id)
    return Notices(notify, run_id, output), log


def _channels(
    _context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[Channel, ...]:
    try:
        return tuple(Topic(to) if to.startswith("arn:") else Webhook(to) for to in given)
    except InputError as error:
        raise click.BadParameter(str(error), param=option) from error


_notify = click.option(
    "--notify",
    multiple=True,
    metavar="URL",
    callback=_channels,
    help=(
        "Tell this https:// address (a POST of JSON, as Slack, Mattermost and Teams take it) or "
        "this arn:aws:sns:… topic when the run has ended, well or badly; may be given several "
        "times. What cannot be delivered changes nothing."
    ),
)
_log_format = click.option(
    "--log-format",
    type=click.Choice(get_args(LogFormat)),
    default=LogSettings.format,
    show_default=True,
    help=(
        "json: everything that the run says is a line of JSON on stderr, with run, row, video and "
        "segment where they are known; there are no tables and no bar."
    ),
)
_log_level = click.option(
    "--log-level",
    type=click.Choice(get_args(LogLevel)),
    default=LogSettings.level,
    show_default=True,
    help="Log from here on; debug has a line for every step of every segment.",
)

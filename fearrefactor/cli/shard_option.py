"""Which rows of a manifest a job does, where several share one."""

from __future__ import annotations

import click

from fearrefactor.core.shard import WHOLE, Shard
from fearrefactor.errors import InputError


def _shard(_: click.Context, option: click.Parameter, told: str | None) -> Shard:
    if told is None:
        return WHOLE
    try:
        return Shard.parse(told)
    except InputError as error:
        raise click.BadParameter(str(error), param=option) from error


shard_option = click.option(
    "--shard",
    metavar="I/N",
    callback=_shard,
    help=(
        "Do the I-th of N fixed shares of the rows, for N jobs over one manifest and output: "
        "start each with another I and another --run-id. [default: all rows]"
    ),
)

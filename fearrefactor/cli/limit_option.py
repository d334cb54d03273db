"""How large a source may be: said once for all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from fearrefactor.core.settings import LIMITED, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence


def _limits(_: click.Context, option: click.Parameter, told: Sequence[str]) -> Limits:
    values: dict[str, str] = {}
    for text in told:
        name, _sign, value = text.partition("=")
        field = LIMITED.get(name)
        if field is None or field in values:
            raise click.BadParameter(
                f"{text!r}: expected NAME=NUMBER, each NAME once, of {', '.join(LIMITED)}",
                param=option,
            )
        values[field] = value
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = next(name for name, field in LIMITED.items() if field == first["loc"][0])
        raise click.BadParameter(
            f"{name}={first['input']}: {first['msg']}", param=option
        ) from error


limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=_limits,
    help=(
        f"How much of something a source may have ({', '.join(LIMITED)}); may be given several "
        "times. A larger source fails as limit_NAME. docs/operations.md has the defaults."
    ),
)

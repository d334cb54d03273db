"""Which model looks, and where it runs, as options say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from fearrefactor.vision.catalog import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def model_options(command: _Command) -> _Command:
    """Give a command ``model`` and ``device``."""
    with_device = click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where the model runs.",
    )(command)
    return click.option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        metavar="NAME|PATH|S3-URI",
        help="See 'fearrefactor models list'; any Ultralytics segmentation model works.",
    )(with_device)

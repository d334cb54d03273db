"""Which model looks, and where it runs, as options say it."""

from __future__ import annotations

from pathlib import Path
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


def canary_option(command: _Command) -> _Command:
    """Give a command ``canary``."""
    return click.option(
        "--canary",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="PICTURE",
        help=(
            "A picture in which the model must see one of its classes when it is loaded, and "
            "whenever it has seen nothing; else it is not believed. [default: pictures of people "
            "and a street]"
        ),
    )(command)


def reuse_option(command: _Command) -> _Command:
    """Give a command ``reuse_within``."""
    return click.option(
        "--reuse-within",
        type=click.FloatRange(0, 64),
        default=0,
        metavar="LEVELS",
        help=(
            "Frames in which nowhere more than so many levels of 255 have changed since the model "
            "last looked, at most half a second ago, keep its answer: faster where a camera stands "
            "still, and things that move little are seen late. [default: 0, only equal frames]"
        ),
    )(command)

"""What the process that parses videos may take: said once for all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fearrefactor.core.settings import ChildSettings

if TYPE_CHECKING:
    from collections.abc import Callable

_GIB = 1 << 30
_MEMORY = click.option(
    "--media-memory",
    type=click.FloatRange(1, 1 << 20),
    default=ChildSettings().max_memory_bytes / _GIB,
    show_default=True,
    metavar="GIB",
    help="Address space of a process that parses videos; beyond it one fails with limit_memory.",
)
_PATIENCE = click.option(
    "--patience",
    type=click.FloatRange(0.01, 1000),
    default=1,
    show_default=True,
    metavar="FACTOR",
    help="Multiplies the time that a step of a video may take before it fails with limit_time.",
)
_REQUIRE = click.option(
    "--require-sandbox",
    is_flag=True,
    help=(
        "Do no work where the kernel cannot keep the network and foreign files from what parses "
        "videos: the code is then no_sandbox. [default: note in the report what is missing]"
    ),
)


def child_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options."""
    return _MEMORY(_PATIENCE(_REQUIRE(command)))


def chosen_child(media_memory: float, patience: float, *, require_sandbox: bool) -> ChildSettings:
    """What the options said; memory in GiB."""
    return ChildSettings(
        max_memory_bytes=int(media_memory * _GIB),
        patience=patience,
        require_sandbox=require_sandbox,
    )

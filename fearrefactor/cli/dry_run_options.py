"""What ``--dry-run`` is told: said once for ``mask`` and its job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_DRY_RUN = click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be done, about how long it takes and what bounds it, and do nothing.",
)
_NODES = click.option(
    "--nodes",
    type=click.IntRange(1),
    metavar="N",
    help="With --dry-run: the time on so many machines like this one. [default: 1]",
)
_PRICE = click.option(
    "--price-per-node-hour",
    type=click.FloatRange(0),
    metavar="P",
    help="With --dry-run: also what the machines cost.",
)
_SAMPLE = click.option(
    "--sample",
    type=click.IntRange(1),
    metavar="N",
    help=(
        "With --dry-run: open at most so many sources, drawn at random, and conclude from them. "
        "[default: 200]"
    ),
)


@dataclass(frozen=True)
class DryRun:
    """``sample``: how many sources are opened at most. ``price`` is of an hour of a machine."""

    nodes: int = 1
    price: float | None = None
    sample: int = 200


def dry_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options."""
    return _DRY_RUN(_NODES(_PRICE(_SAMPLE(command))))


def chosen_dry_run(
    nodes: int | None, price_per_node_hour: float | None, sample: int | None, *, dry_run: bool
) -> DryRun | None:
    """What the options said; None for a run that is meant.

    Raises:
        click.UsageError: details of a dry run, and none is asked for.
    """
    if dry_run:
        return DryRun(nodes or 1, price_per_node_hour, sample or 200)
    if nodes is not None or price_per_node_hour is not None or sample is not None:
        raise click.UsageError("--nodes, --price-per-node-hour and --sample go with --dry-run")
    return None

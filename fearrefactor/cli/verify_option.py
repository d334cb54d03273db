"""How closely results are looked at before they are published: said once for all commands."""

from __future__ import annotations

import click

verify_option = click.option(
    "--verify",
    type=click.Choice(["sampled", "full"]),
    default="sampled",
    show_default=True,
    help=(
        "Which frames of a result are decoded before it is published. All packets are compared, "
        "and all that was rendered and what stands around it is decoded in any case; of what was "
        "copied, samples or everything."
    ),
)

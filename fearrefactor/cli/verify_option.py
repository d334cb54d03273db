"""How closely results are looked at before they are published: said once for all commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fearrefactor.core.settings import VerifyMode

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


def chosen_verify(mode: VerifyMode, *, gpu_decode: bool) -> VerifyMode:
    """How closely results are looked at; a GPU's decoder hides damage from the model."""
    return "full" if gpu_decode else mode

"""How a GPU is fed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from fearrefactor.cluster.settings import ClusterSettings, GpuSettings

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., object]")


def gpu_options(command: _Command) -> _Command:
    """Add them to a command."""
    for option in (
        click.option(
            "--gpu-decode",
            is_flag=True,
            help=(
                "Decode on the GPU what it can decode (H.264, HEVC, VP9). Uploads are then parsed "
                "by its driver, outside the process that is locked in; implies --verify full. "
                "[default: off]"
            ),
        ),
        click.option(
            "--gpu-slots",
            type=click.IntRange(1, 64),
            default=GpuSettings().slots,
            show_default=True,
            help="How many videos feed one GPU worker at a time.",
        ),
    ):
        command = option(command)
    return command


def with_gpu(
    cluster: ClusterSettings | None, slots: int, *, decode: bool
) -> ClusterSettings | None:
    """The same cluster, its GPUs fed as told; to decode there takes a worker of its own."""
    if cluster is None and not decode:
        return None
    return replace(cluster or ClusterSettings(), gpu=GpuSettings(slots, decode))

"""What is told of a cluster, without Ray: its import takes half a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuSettings:
    """How a GPU is fed: by ``slots`` videos at a time, which it may ``decode`` itself.

    Each slot has a thread and a decoder of its own: a core decodes some 400 frames of 720p in a
    second, fewer than a GPU infers, and each of a GPU's decoders works for one video at a time.
    """

    slots: int = 4
    decode: bool = False


@dataclass(frozen=True)
class ClusterSettings:
    """``address`` None starts a Ray of our own on this machine.

    ``workers`` and ``gpu_workers`` None take the cores and GPUs that the cluster has now; a cluster
    that grows on demand is told how far.
    ``is_job``: this process was started by ``ray job submit``, which has set the address and sent
    the code.
    """

    address: str | None = None
    workers: int | None = None
    gpu_workers: int | None = None
    is_job: bool = False
    gpu: GpuSettings = GpuSettings()

    @property
    def is_own(self) -> bool:
        """Whether it is started on this machine, and ends with this process."""
        return self.address is None and not self.is_job

"""The options of a run as people read them, for its ledger and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.cli.run_settings import Detector
from fearrefactor.core.settings import LIMITED, ChildSettings, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.cli.run_settings import RunSettings
    from fearrefactor.cluster.settings import ClusterSettings
    from fearrefactor.pipeline.job import JobSettings

_GIB = 1 << 30


def told_settings(settings: RunSettings) -> dict[str, str]:
    """By name, in the order in which they are shown.

    What decides a result and who did the work is always told; of the rest what is not as it is by
    default.
    """
    return dict(
        [
            *_of_looking(settings),
            ("verify", settings.job.verify),
            *_of_workers(settings.cluster),
            *_of_sources(settings.job),
            *_of_child(settings.job.child),
        ]
    )


def _of_looking(settings: RunSettings) -> Iterator[tuple[str, str]]:
    job, detector = settings.job, settings.detector
    if isinstance(detector, Detector):
        yield "device", detector.device
        yield "audit", job.audit or "sampled"
        if job.reuse_within:
            yield "reuse within", f"{job.reuse_within:g} levels"
    else:
        yield "detections", "of an earlier run, without a model"
        yield "audit", job.audit or "none"


def _of_workers(cluster: ClusterSettings | None) -> Iterator[tuple[str, str]]:
    if cluster is None:
        yield "workers", "this process alone"
        return
    yield "workers", "one a core" if cluster.workers is None else str(cluster.workers)
    if cluster.gpu_workers is not None:
        yield "GPU workers", str(cluster.gpu_workers)
    if cluster.gpu != type(cluster.gpu)():
        decoding = ", decoding there" if cluster.gpu.decode else ""
        yield "GPU slots", f"{cluster.gpu.slots}{decoding}"


def _of_sources(job: JobSettings) -> Iterator[tuple[str, str]]:
    if job.sources_under:
        yield "sources under", ", ".join(place.uri for place in job.sources_under)
    default = Limits()
    for name, field in LIMITED.items():
        allowed = getattr(job.limits, field)
        if allowed != getattr(default, field):
            yield f"limit {name}", f"{allowed}"


def _of_child(child: ChildSettings) -> Iterator[tuple[str, str]]:
    default = ChildSettings()
    if child.max_memory_bytes != default.max_memory_bytes:
        yield "media memory", f"{child.max_memory_bytes / _GIB:g} GiB"
    if child.patience != default.patience:
        yield "patience", f"{child.patience:g}"
    if child.require_sandbox:
        yield "sandbox", "required"

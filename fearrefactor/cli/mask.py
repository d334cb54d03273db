"""``fearrefactor mask``: the main job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from fearrefactor.cli.bucket_option import bucket_option, owned_by
from fearrefactor.cli.child_options import child_options, chosen_child
from fearrefactor.cli.dry_run_options import chosen_dry_run, dry_run_options
from fearrefactor.cli.environment import Environment, read_environment
from fearrefactor.cli.forecast import tell_forecast
from fearrefactor.cli.gpu_options import gpu_options, with_gpu
from fearrefactor.cli.limit_option import limit_option
from fearrefactor.cli.model_options import canary_option, model_options, reuse_option
from fearrefactor.cli.night_options import begun_night, night_options
from fearrefactor.cli.policy_options import chosen_policy, policies_by_row, policy_options
from fearrefactor.cli.run import is_small, new_run_id
from fearrefactor.cli.run_settings import Detector, RunSettings
from fearrefactor.cli.shard_option import shard_option
from fearrefactor.cli.sources import count_rows_of, rows_of
from fearrefactor.cli.summary import run_and_tell
from fearrefactor.cli.verify_option import chosen_verify, verify_option
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.shard import WHOLE
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import of_shard, requested
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from fearrefactor.cli.notices import Notices
    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.settings import Limits, VerifyMode
    from fearrefactor.core.shard import Shard
    from fearrefactor.notify.notice import Channel
    from fearrefactor.pipeline.log_lines import LogFormat, LogLevel, LogSettings

_SMALL_BYTES = 50_000_000


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DEST",
    help="A folder or s3://bucket/prefix. Results go to videos/ and review/, logs beside them.",
)
@policy_options
@model_options
@canary_option
@reuse_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Worker processes. [default: one small input needs none; else one a core]",
)
@click.option(
    "--gpu-workers",
    type=click.IntRange(1),
    help="Worker processes with a GPU each, on a cluster. [default: one a GPU that is there]",
)
@gpu_options
@click.option("--ray-address", metavar="ADDRESS", help="Join this Ray cluster ('auto', host:6379).")
@click.option(
    "--audit",
    type=click.Choice(["none", "sampled", "all"]),
    help=(
        "Which masked frames the model looks at again, as they will be published: what it still "
        "finds is hidden better, or the video fails. [default: sampled, one in ten; none where "
        "detections of an earlier run are used]"
    ),
)
@verify_option
@limit_option
@click.option(
    "--sources-under",
    multiple=True,
    metavar="PREFIX",
    help=(
        "Read sources only from under this folder or s3://bucket/prefix/; may be given several "
        "times. Rows that name another place fail with the code not_allowed. [default: anywhere]"
    ),
)
@bucket_option
@child_options
@click.option("--run-id", metavar="NAME", help="Name of the run. [default: time and a random part]")
@shard_option
@dry_run_options
@night_options
@click.option(
    "--contact-sheet",
    is_flag=True,
    help="Also write a PNG of moments before and after masking. It shows what was masked.",
)
def mask(**options: Any) -> None:
    """Mask people and things in videos and images.

    A SOURCE is a video, an image, a folder, s3://bucket/key, s3://bucket/prefix/, or a manifest
    (.jsonl, .csv, .parquet with a column 'uri'), here or on S3.

    Exit code: 0 when every row is done, 2 when some failed (videos.parquet says why), 1 when the
    run itself could not be done.
    """
    raise SystemExit(run_mask(**options))


def run_mask(
    *,
    output: str,
    run_id: str | None,
    notify: tuple[Channel, ...],
    log_format: LogFormat,
    log_level: LogLevel,
    **asked: Any,
) -> int:
    """Do what ``mask`` and ``jobs/mask_videos.py`` were asked; answers the exit code."""
    name = run_id or new_run_id()
    notices, log = begun_night(
        name, output, notify=notify, log_format=log_format, log_level=log_level
    )
    with notices:
        return _mask(output=output, run_id=name, notices=notices, log=log, **asked)


def _mask(
    *,
    sources: tuple[str, ...],
    output: str,
    model: str,
    device: Any,
    canary: Path | None,
    reuse_within: float,
    workers: int | None,
    gpu_workers: int | None,
    gpu_slots: int,
    gpu_decode: bool,
    ray_address: str | None,
    run_id: str,
    shard: Shard,
    audit: AuditMode | None,
    verify: VerifyMode,
    limits: Limits,
    sources_under: tuple[str, ...],
    bucket_owner: str | None,
    media_memory: float,
    patience: float,
    require_sandbox: bool,
    dry_run: bool,
    nodes: int | None,
    price_per_node_hour: float | None,
    sample: int | None,
    contact_sheet: bool,
    notices: Notices,
    log: LogSettings,
    **wanted: Any,
) -> int:
    dry = chosen_dry_run(nodes, price_per_node_hour, sample, dry_run=dry_run)
    environment = owned_by(read_environment(), bucket_owner)
    console = Console(stderr=False)
    destination = locate_prefix(output)
    policy = chosen_policy(environment, **wanted)
    detector = Detector(environment.model(model), DetectSettings(), device, canary)
    settings = RunSettings(
        run_id=run_id,
        videos=lambda context: requested(
            rows_of(sources, environment.s3), policies_by_row(policy, environment), context, shard
        ),
        count=lambda: _count(sources, environment, shard),
        policy=policy,
        detector=detector,
        job=JobSettings(
            destination.store_root,
            destination.key,
            environment.s3,
            limits=limits,
            sources_under=tuple(map(locate_prefix, sources_under)),
            child=chosen_child(media_memory, patience, require_sandbox=require_sandbox),
            audit=audit,
            verify=chosen_verify(verify, gpu_decode=gpu_decode),
            reuse_within=reuse_within,
            log=log,
        ),
        cluster=with_gpu(
            _cluster(sources, workers, gpu_workers, ray_address, environment),
            gpu_slots,
            decode=gpu_decode,
        ),
        shard=shard,
    )
    if dry is not None:
        rows = of_shard(rows_of(sources, environment.s3), shard)
        tell_forecast(rows, detector, settings, environment, console=console, wanted=dry)
        return 0
    return run_and_tell(
        settings, environment, console, contact_sheet=contact_sheet, notices=notices
    )


def _count(sources: tuple[str, ...], environment: Environment, shard: Shard) -> int:
    if shard == WHOLE:
        return count_rows_of(sources, environment.s3)
    return sum(1 for _ in of_shard(rows_of(sources, environment.s3), shard))


def _cluster(
    sources: tuple[str, ...],
    workers: int | None,
    gpu_workers: int | None,
    ray_address: str | None,
    environment: Environment,
) -> ClusterSettings | None:
    if environment.is_ray_job or ray_address is not None:
        return ClusterSettings(ray_address, workers, gpu_workers, environment.is_ray_job)
    if workers is None and gpu_workers is None and is_small(sources, environment, _SMALL_BYTES):
        return None
    return ClusterSettings(None, workers, gpu_workers)

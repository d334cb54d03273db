"""``fearrefactor mask``: the main job."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from fearrefactor.cli.environment import Environment, read_environment
from fearrefactor.cli.forecast import forecast
from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.cli.run import RunSettings, find_policy, is_small, run
from fearrefactor.cli.summary import print_summary
from fearrefactor.cluster.scheduler import ClusterSettings
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.pipeline.contact import write_contact_sheet
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.vision.catalog import DEFAULT_MODEL
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from typing import Any

    from fearrefactor.core.report import VideoReport

_SMALL_BYTES = 50_000_000


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DEST",
    help="A folder or s3://bucket/prefix. Results go to videos/, detections/ and runs/ under it.",
)
@click.option(
    "--classes",
    metavar="NAMES",
    help="What to mask, by the model's class names: person,dog,'teddy bear'. Or use --policy.",
)
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="A built-in policy (see 'fearrefactor policy list') or a .yaml file, here or on S3.",
)
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|PATH|S3-URI",
    help="See 'fearrefactor models list'; any Ultralytics segmentation model works.",
)
@click.option(
    "--effect",
    type=click.Choice(["blur", "mosaic", "fill"]),
    help="How to mask, with --classes. [default: blur]",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True),
    help="Mask what is seen with at least this score, with --classes. [default: 0.25]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the model runs.",
)
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
@click.option("--ray-address", metavar="ADDRESS", help="Join this Ray cluster ('auto', host:6379).")
@click.option("--run-id", metavar="NAME", help="Name of the run. [default: time and a random part]")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
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
    sources: tuple[str, ...],
    output: str,
    classes: str | None,
    policy: str | None,
    model: str,
    effect: str | None,
    confidence: float | None,
    device: Any,
    workers: int | None,
    gpu_workers: int | None,
    ray_address: str | None,
    run_id: str | None,
    dry_run: bool,
    contact_sheet: bool,
) -> int:
    """Do what ``mask`` and ``jobs/mask_videos.py`` were asked; answers the exit code."""
    environment = read_environment()
    console = Console(stderr=False)
    destination = locate_prefix(output)
    settings = RunSettings(
        run_id=run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        sources=sources,
        policy=_policy(classes, policy, effect, confidence, environment),
        model=environment.model(model),
        detect=DetectSettings(),
        device=device,
        job=JobSettings(destination.store_root, destination.key, environment.s3),
        cluster=_cluster(sources, workers, gpu_workers, ray_address, environment),
    )
    if dry_run:
        forecast(settings, environment, console)
        return 0
    done: list[VideoReport] = []
    with ConsoleProgress(console) as progress:
        report = run(settings, environment, progress, lambda video: _keep(done, video))
    sheets = {
        video.id: write_contact_sheet(video, settings.job)
        for video in done
        if contact_sheet and video.outcome != "failed"
    }
    print_summary(console, settings, report, done, sheets)
    return int(report.exit_code)


def _keep(done: list[VideoReport], video: VideoReport, limit: int = 20) -> None:
    """The first few rows are shown in full; the rest are in the file."""
    if len(done) < limit:
        done.append(video)


def _policy(
    classes: str | None,
    policy: str | None,
    effect: str | None,
    confidence: float | None,
    environment: Environment,
) -> Policy:
    if (classes is None) == (policy is None):
        raise click.UsageError("say what to mask: either --classes person,dog or --policy NAME")
    if classes is None:
        if effect is not None or confidence is not None:
            raise click.UsageError("--effect and --confidence go with --classes; a policy has both")
        return find_policy(policy or "", environment)
    names = tuple(name.strip().strip("\"'") for name in classes.split(",") if name.strip())
    if not names:
        raise click.UsageError("--classes is empty; write --classes person,dog")
    chosen: dict[str, Any] = {} if confidence is None else {"confidence": confidence}
    if effect is not None:
        chosen["effect"] = Effect.model_validate({"kind": effect})
    return Policy(name="from-options", rules=(Rule(classes=names, **chosen),))


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

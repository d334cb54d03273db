r"""The main job, as ``ray job submit`` starts it.

    ray job submit --working-dir . -- python jobs/mask_videos.py \
        --manifest s3://bucket/tonight.parquet --output s3://bucket/masked --classes person

It is ``fearrefactor mask MANIFEST --output DEST`` on the cluster that the job was submitted to,
with the same options and exit codes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The job runs in the submitted directory, where the package lies; Python looks beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import click

from fearrefactor.cli.main import run_command
from fearrefactor.cli.mask import mask, run_mask


@click.command(help="Mask every row of a manifest on the cluster that this job was submitted to.")
@click.option(
    "--manifest",
    required=True,
    metavar="URI",
    help="A .parquet, .csv or .jsonl file with a column 'uri', on S3 or where the head sees it.",
)
def mask_videos(manifest: str, **options: object) -> None:
    """Run ``mask`` on one manifest."""
    raise SystemExit(run_mask(sources=(manifest,), **options))  # type: ignore[arg-type]


mask_videos.params.extend(parameter for parameter in mask.params if parameter.name != "sources")

if __name__ == "__main__":
    run_command(mask_videos)

"""Two jobs over one folder of images, each with its share: what one job would have done."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import cv2
import pytest
from fake_stages import Tally
from lamp_clips import picture
from stub_model import LampFinder

from fearrefactor.cli.environment import Environment
from fearrefactor.cli.past_run import state_of
from fearrefactor.cli.run import run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.cli.sources import rows_of
from fearrefactor.cli.status import told_of
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.shard import Shard
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import of_shard, requested
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.report_log import read_reports
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RED = Policy(rules=(Rule(classes=("red",)),))
N_IMAGES = 6


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(N_IMAGES):
        image = picture(["red"], number, number)
        assert cv2.imwrite(str(folder / f"{number}.png"), image[:, :, ::-1])
    return folder


def mask(images: Path, output: Path, shard: Shard) -> list[dict[str, Any]]:
    """The report of one job."""
    s3 = S3Settings()
    job = JobSettings(str(output), "", s3)

    @contextlib.asynccontextmanager
    async def start(*_: object) -> AsyncIterator[InlineStages]:
        with VideoWorker(job, LampFinder(), images.parent) as worker:
            yield InlineStages(worker, LampFinder().card, "stub")

    settings = RunSettings(
        run_id=f"night-{shard.number}",
        videos=lambda context: requested(
            rows_of([f"{images}/"], s3), lambda _: RED, context, shard
        ),
        count=lambda: sum(1 for _ in of_shard(rows_of([f"{images}/"], s3), shard)),
        policy=RED,
        detector=PastDetector(LampFinder().card, "stub"),
        job=job,
        cluster=None,
        shard=shard,
    )
    environment = Environment(images.parent / "models", s3, is_ray_job=False, n_cores=1)
    run(settings, environment, Tally(), lambda _: None, start)
    return list(read_reports(output / "runs" / settings.run_id / "videos.parquet"))


def test_two_shards_of_a_folder_do_each_image_once_into_one_output(
    images: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    reports = [mask(images, output, Shard(number, 2)) for number in (1, 2)]
    assert all(reports)
    rows = [told for one in reports for told in one]
    assert sorted(told["row"] for told in rows) == list(range(1, N_IMAGES + 1))
    assert {told["outcome"] for told in rows} == {"masked"}
    assert not any(told["reused"] for told in rows)
    assert len({told["output_key"] for told in rows}) == N_IMAGES
    assert all((output / told["output_key"]).is_file() for told in rows)
    for number, one in enumerate(reports, start=1):
        state = state_of(RunFolder(FolderStore(output), "", f"night-{number}"))
        told = told_of(state, 0.0)
        assert (told["shard"], told["phase"]) == (f"{number}/2", "finished")
        assert (told["rows"], told["rows_done"], told["all_rows_taken"]) == (
            len(one),
            len(one),
            True,
        )

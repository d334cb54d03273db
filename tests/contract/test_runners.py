"""Whoever does the steps, and however a video is cut: the same answer."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from local_ray import stub_stages
from stub_model import LampFinder

from fearrefactor.cluster.scheduler import start_stages
from fearrefactor.cluster.settings import ClusterSettings
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.stages import Stages

pytestmark = pytest.mark.timeout(240)
STREET = (
    Path(__file__).resolve().parents[2].parent / "shared" / "data" / "odd" / "gen" / "base_2997.mp4"
)
POLICY = Policy(rules=(Rule(classes=("red", "green")),))
FILMS = {
    "walk": clip({"red": range(6, 30)}, 60, seed=1),
    "two": clip({"red": range(40), "green": range(20, 48)}, 48, seed=2),
    "none": clip({"blue": range(48)}, 48, seed=3),
}
#: A report without what differs from one run of the same work to the next.
_VARYING = {"seconds", "ended_at"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name, content in FILMS.items():
        (folder / f"{name}.mp4").write_bytes(content)
    return folder


def job(output: Path, min_segment_frames: int = 12) -> JobSettings:
    cut = CutSettings(min_segment_frames=min_segment_frames)
    return JobSettings(str(output), "", S3Settings(), cut=cut, batch=5)


def rows_in(folder: Path) -> list[RawRow]:
    return [
        RawRow(number, {"uri": str(path), "id": path.stem})
        for number, path in enumerate(sorted(folder.iterdir()), start=1)
    ]


async def collect(
    stages: Stages, settings: JobSettings, sources: Path, policy: Policy, max_in_flight: int
) -> dict[str, VideoReport]:
    reports: list[VideoReport] = []
    context = RunContext(settings, stages, Tally(), {})
    await run_videos(
        requested(rows_in(sources), lambda _: policy, context),
        context.progress,
        Hands(max_in_flight),
        reports.append,
    )
    assert [report.reason for report in reports if report.outcome == "failed"] == []
    return {report.id: report for report in reports}


def run_inline(settings: JobSettings, sources: Path) -> dict[str, VideoReport]:
    with VideoWorker(settings, LampFinder(), Path(settings.output_root).parent) as worker:
        stages = InlineStages(worker, LampFinder().card, "stub")
        return asyncio.run(collect(stages, settings, sources, POLICY, 1))


def run_on_ray(settings: JobSettings, sources: Path, n_workers: int) -> dict[str, VideoReport]:
    async def do() -> dict[str, VideoReport]:
        stages = await stub_stages(settings, LampFinder(), n_workers)
        try:
            return await collect(stages, settings, sources, POLICY, stages.max_videos)
        finally:
            stages.stop()

    return asyncio.run(do())


def same_results(
    ours: dict[str, VideoReport], our_output: Path, theirs: dict[str, VideoReport], output: Path
) -> None:
    """Detections byte for byte, videos frame for frame, reports field for field."""
    assert ours.keys() == theirs.keys()
    for name, mine in ours.items():
        other = theirs[name]
        assert told(mine) == told(other)
        for key in (mine.detections_key, mine.plan_key, mine.output_key):
            assert digest(our_output / str(key)) == digest(output / str(key))
        frames = zip(
            decoded(our_output / str(mine.output_key)),
            decoded(output / str(other.output_key)),
            strict=True,
        )
        assert all(np.array_equal(a, b) for a, b in frames)


def told(report: VideoReport) -> dict[str, object]:
    return report.model_dump(exclude=_VARYING)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def inline_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inline") / "out"


@pytest.fixture(scope="module")
def inline(sources: Path, inline_output: Path) -> dict[str, VideoReport]:
    """What one process makes of the films."""
    return run_inline(job(inline_output), sources)


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_ray_gives_what_one_process_gives(
    inline: dict[str, VideoReport],
    inline_output: Path,
    sources: Path,
    tmp_path: Path,
    n_workers: int,
) -> None:
    ray = run_on_ray(job(tmp_path), sources, n_workers)
    assert {name: report.outcome for name, report in inline.items()} == {
        "walk": "masked",
        "two": "masked",
        "none": "clean",
    }
    same_results(inline, inline_output, ray, tmp_path)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film of eight closed GOPs; lamps cross their borders and each other."""
    folder = tmp_path_factory.mktemp("long")
    lit = {"red": range(6, 60), "green": [*range(20, 48), *range(51, 90)]}
    (folder / "long.mp4").write_bytes(clip(lit, 96, seed=4))
    return folder


@pytest.fixture(scope="module")
def uncut(long_film: Path, tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """What one process logs of the long film as one segment."""
    output = tmp_path_factory.mktemp("uncut")
    return logs_of(run_inline(job(output / "out", 1000), long_film)["long"], output / "out")


@dataclass(frozen=True)
class Logs:
    """Detections but for their segments, frames and plan of a video; the number of segments."""

    tables: tuple[pa.Table, ...]
    n_segments: int


def logs_of(report: VideoReport, output: Path) -> Logs:
    detections = pq.read_table(output / str(report.detections_key))
    frames = str(report.detections_key).replace("detections/", "frames/")
    return Logs(
        tables=(
            detections.drop_columns("segment"),
            pq.read_table(output / frames),
            pq.read_table(output / str(report.plan_key)),
        ),
        n_segments=len(set(detections["segment"].to_pylist())),
    )


def same_logs(one: Logs, other: Logs) -> None:
    for mine, theirs in zip(one.tables, other.tables, strict=True):
        assert len(mine) > 0
        assert mine.equals(theirs)
        assert mine.schema.metadata == theirs.schema.metadata


@pytest.mark.parametrize(("min_segment_frames", "n_segments"), [(12, 8), (48, 2)])
def test_how_a_video_is_cut_changes_nothing_that_is_seen_or_planned(
    long_film: Path, uncut: Logs, tmp_path: Path, min_segment_frames: int, n_segments: int
) -> None:
    report = run_inline(job(tmp_path / "out", min_segment_frames), long_film)["long"]
    cut = logs_of(report, tmp_path / "out")
    assert (uncut.n_segments, cut.n_segments) == (1, n_segments)
    same_logs(cut, uncut)


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_workers_that_share_a_video_change_nothing_that_is_seen_or_planned(
    long_film: Path, uncut: Logs, tmp_path: Path, n_workers: int
) -> None:
    report = run_on_ray(job(tmp_path / "out", 12), long_film, n_workers)["long"]
    shared = logs_of(report, tmp_path / "out")
    assert shared.n_segments == 8
    same_logs(shared, uncut)


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
@pytest.mark.skipif(not STREET.is_file(), reason="needs the real clips of ../shared/data")
def test_ray_gives_what_one_process_gives_with_the_default_model(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "street.mp4").symlink_to(STREET)
    cache = cache_dir(os.environ)
    model, detect = resolve(DEFAULT_MODEL, cache), DetectSettings()
    people = Policy(rules=(Rule(classes=("person",)),))

    segmenter = load_segmenter(model, detect, device="cpu", threads=2, cache=cache)
    settings = job(tmp_path / "0")
    with VideoWorker(settings, segmenter, tmp_path) as worker:
        stages = InlineStages(worker, segmenter.card, repr(detect))
        inline = asyncio.run(collect(stages, settings, sources, people, 1))

    async def on_ray() -> dict[str, VideoReport]:
        there = replace(settings, output_root=str(tmp_path / "1"))
        stages = await start_stages(there, model, detect, "cpu", ClusterSettings(workers=2))
        try:
            return await collect(stages, there, sources, people, stages.max_videos)
        finally:
            stages.stop()

    ray = asyncio.run(on_ray())
    assert inline["street"].n_detections
    same_results(inline, tmp_path / "0", ray, tmp_path / "1")

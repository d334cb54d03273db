from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from local_ray import stub_stages
from stub_model import COLOURS, DeadlyModel, SignedModel, lamp_bits

from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fearrefactor.core.report import VideoReport
    from fearrefactor.vision.segmenter import Segmenter

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("local_ray")]
FILL_RED = Policy(rules=(Rule(classes=("red",), effect=Effect(kind="fill")),))
RED = {"red": range(48)}


def run(
    films: Mapping[str, bytes], folder: Path, segmenter: Segmenter, progress: Tally | None = None
) -> dict[str, VideoReport]:
    settings = JobSettings(
        str(folder / "out"), "", S3Settings(), cut=CutSettings(min_segment_frames=12), batch=4
    )
    for name, content in films.items():
        (folder / f"{name}.mp4").write_bytes(content)
    rows = [
        RawRow(number, {"uri": str(folder / f"{name}.mp4"), "id": name})
        for number, name in enumerate(films, start=1)
    ]
    reports: list[VideoReport] = []

    async def do() -> None:
        stages = await stub_stages(settings, segmenter, 2)
        context = RunContext(settings, stages, progress or Tally(), {})
        await run_videos(
            requested(rows, lambda _: FILL_RED, context),
            context.progress,
            Hands(stages.max_videos),
            reports.append,
        )
        stages.stop()

    asyncio.run(do())
    assert len(reports) == len(films)
    return {report.id: report for report in reports}


def is_masked_throughout(report: VideoReport, folder: Path) -> bool:
    frames = decoded(folder / "out" / str(report.output_key))
    red = COLOURS.index("red")
    return len(frames) == 48 and not any(lamp_bits(frame, red).any() for frame in frames)


def published(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in (folder / "out" / "videos").glob("*.mp4")}


def test_a_worker_killed_in_the_middle_of_a_video_costs_nothing_but_time(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    film = clip({**RED, "blue": range(30, 31)})
    report = run({"film": film}, tmp_path, DeadlyModel(once=killed))["film"]
    assert killed.exists()
    assert (report.outcome, report.n_masked_frames) == ("masked", 48)
    assert is_masked_throughout(report, tmp_path)


def test_a_video_that_kills_its_worker_every_time_fails_alone(tmp_path: Path) -> None:
    films = {
        "before": clip(RED, seed=1),
        "poison": clip({**RED, "blue": range(20, 21)}, seed=2),
        "after": clip(RED, seed=3),
        "later": clip(RED, seed=4),
    }
    reports = run(films, tmp_path, DeadlyModel())
    assert (reports["poison"].outcome, reports["poison"].code) == ("failed", "poison")
    assert "3 processes that handled it died" in str(reports["poison"].reason)
    for name in ("before", "after", "later"):
        assert reports[name].outcome == "masked", reports[name].reason
        assert is_masked_throughout(reports[name], tmp_path)
    assert published(tmp_path) == {"before", "after", "later"}


class Killer(Tally):
    """Kills a worker from outside when 48 frames are done; ``pids`` has a file for each worker."""

    def __init__(self, pids: Path) -> None:
        super().__init__()
        self.victim: int | None = None
        self._pids = pids

    def did_frames(self, n_frames: int) -> None:
        super().did_frames(n_frames)
        if self.victim is None and self.n_done >= 48:
            self.victim = int(next(self._pids.iterdir()).name)
            os.kill(self.victim, signal.SIGKILL)


def test_a_worker_killed_from_outside_costs_nothing_but_time(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    killer = Killer(pids)
    films = {f"film-{number}": clip(RED, seed=number) for number in range(4)}
    reports = run(films, tmp_path, SignedModel(folder=pids), killer)
    assert killer.victim is not None
    assert len(list(pids.iterdir())) >= 2
    for report in reports.values():
        assert (report.outcome, report.reason) == ("masked", None)
        assert is_masked_throughout(report, tmp_path)

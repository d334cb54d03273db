from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from stub_model import LampFinder

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import ModelError
from fearrefactor.pipeline.inline import HeldPackets, InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource

FILL = Policy(rules=(Rule(classes=("red",), effect=Effect(kind="fill")),))


class BlindAfterwards(InlineStages):
    """The model breaks when it is to look at what was rendered."""

    async def audit(
        self,
        source: PinnedSource,  # noqa: ARG002
        task: SegmentTask,  # noqa: ARG002
        rendered: HeldPackets,
        frames: Sequence[int],  # noqa: ARG002
    ) -> tuple[Detections, float]:
        """Raises."""
        assert rendered.path.stat().st_size > 0
        raise ModelError("the model broke")


def masked_together(
    folder: Path, sources: Sequence[Path], kind: type[InlineStages] = InlineStages
) -> list[VideoReport]:
    folder.mkdir()
    cut = CutSettings(min_segment_frames=12)
    settings = JobSettings(str(folder / "out"), "", S3Settings(), cut=cut, batch=5)
    with VideoWorker(settings, LampFinder(), folder) as worker:
        context = RunContext(settings, kind(worker, LampFinder().card, "stub"), Tally(), {})
        rows = [Row(n, source.stem, str(source)) for n, source in enumerate(sources, start=1)]

        async def together() -> list[VideoReport]:
            return await asyncio.gather(*(VideoRun(row, FILL, context).run() for row in rows))

        reports = asyncio.run(together())
        assert list(worker.scratch.rglob("*.packets")) == []
    return reports


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Films of the same shape, each with another ground."""
    paths = [tmp_path / f"{seed}.mp4" for seed in (1, 2)]
    for path in paths:
        path.write_bytes(clip({"red": range(48)}, 48, seed=int(path.stem), barred=True))
    return paths


def test_videos_that_take_turns_in_one_process_keep_to_their_own_packets(
    tmp_path: Path, sources: list[Path]
) -> None:
    together = masked_together(tmp_path / "together", sources)
    assert [report.outcome for report in together] == ["masked", "masked"], together
    for report, source in zip(together, sources, strict=True):
        (alone,) = masked_together(tmp_path / source.stem, [source])
        frames = decoded(tmp_path / "together" / "out" / str(report.output_key))
        expected = decoded(tmp_path / source.stem / "out" / str(alone.output_key))
        assert np.array_equal(frames, expected)


def test_packets_of_a_video_that_fails_are_gone(tmp_path: Path, sources: list[Path]) -> None:
    (report,) = masked_together(tmp_path / "failing", sources[:1], BlindAfterwards)
    assert (report.outcome, report.code) == ("failed", "model_error")

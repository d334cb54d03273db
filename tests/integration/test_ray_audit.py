from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from local_ray import stub_stages
from stub_model import COLOURS, LampFinder, lamp_bits

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.report import VideoReport

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("local_ray")]
#: So weak that the lamp is still seen through it.
WEAK = {"kind": "blur", "strength": 0.01}


def test_workers_of_a_cluster_find_and_close_a_leak_in_what_other_workers_rendered(
    tmp_path: Path,
) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip({"red": range(36)}, 36))
    cut = CutSettings(min_segment_frames=12)
    settings = JobSettings(str(tmp_path / "out"), "", S3Settings(), cut=cut, audit="all")
    policy = Policy.model_validate({"rules": [{"classes": ["red"], "effect": WEAK}]})

    async def do() -> VideoReport:
        stages = await stub_stages(settings, LampFinder(), 2)
        try:
            context = RunContext(settings, stages, Tally(), {})
            return await VideoRun(Row(1, "film", str(source)), policy, context).run()
        finally:
            stages.stop()

    report = asyncio.run(do())
    assert (report.outcome, report.reason) == ("masked", None)
    # Made stronger the blur still glows, so that its box is filled in the third rendering.
    assert (report.n_leaks, report.n_audited_frames) == (2 * 36, 3 * 36)
    frames = decoded(tmp_path / "out" / str(report.output_key))
    assert not any(lamp_bits(frame, COLOURS.index("red")).any() for frame in frames)

"""A second policy over a video that was looked at before: real films, a model that counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from stub_model import COLOURS, CountingModel, lamp_bits
from values import frame_by_frame

from fearrefactor.core.identity import detections_key, frames_key
from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.logs import sha256_of
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.locations import Location
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.report import VideoReport

RED = Policy(name="red", rules=(frame_by_frame("red"),))
GREEN = Policy(name="green", rules=(frame_by_frame("green", effect="fill"),))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(clip({"red": range(4, 20), "green": range(24)}, 24))
    return path


def run(
    source: Path,
    policy: Policy,
    model: CountingModel | None,
    *,
    output: Path | None = None,
    logs: Path | None = None,
    card: ModelCard | None = None,
) -> VideoReport:
    """A run of its own; without a ``model`` only its card is known."""
    settings = JobSettings(
        str(output or source.parent / "out"),
        "",
        S3Settings(),
        cut=CutSettings(min_segment_frames=12),
        audit="none",
        logs=None if logs is None else Location(str(logs), ""),
    )
    with VideoWorker(settings, model, source.parent) as worker:
        stages = InlineStages(worker, card or CountingModel().card, "stub")
        context = RunContext(settings, stages, Tally(), {})
        return asyncio.run(VideoRun(Row(1, "film", str(source)), policy, context).run())


def key_of(report: VideoReport, kind: str) -> str:
    name = {"detections": detections_key, "frames": frames_key}[kind]
    return name("film", str(report.detect_id))


def test_a_changed_policy_asks_the_model_nothing_and_masks_what_it_says(source: Path) -> None:
    model = CountingModel()
    first = run(source, RED, model)
    n_calls = len(model.calls)
    assert (first.outcome, first.n_masked_frames, first.detections_reused) == ("masked", 16, False)
    assert first.n_model_frames == sum(model.calls) == 24
    second = run(source, GREEN, model)
    assert len(model.calls) == n_calls
    assert (second.outcome, second.n_masked_frames, second.detections_reused) == (
        "masked",
        24,
        True,
    )
    assert (second.n_model_frames, second.reused) == (0, False)
    assert second.detections_sha256 == first.detections_sha256
    red, green = COLOURS.index("red"), COLOURS.index("green")
    after = decoded(source.parent / "out" / str(second.output_key))
    assert not any(lamp_bits(frame, green).any() for frame in after)
    assert [lamp_bits(frame, red).any() for frame in after] == [4 <= i < 20 for i in range(24)]


def test_from_a_log_the_same_plan_is_made_as_from_the_model(source: Path, tmp_path: Path) -> None:
    run(source, RED, CountingModel())
    anew = run(source, GREEN, CountingModel(), output=tmp_path / "other")
    again = run(source, GREEN, None)
    assert (again.outcome, again.n_model_frames) == ("masked", 0)
    assert again.n_masked_frames == anew.n_masked_frames
    assert (again.work_id, again.plan_sha256) == (anew.work_id, anew.plan_sha256)


@pytest.mark.parametrize("kind", ["detections", "frames"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_log_is_made_again_and_no_result_names_it(
    source: Path, kind: str, how: str
) -> None:
    output, model = source.parent / "out", CountingModel()
    first = run(source, RED, model)
    log = output / key_of(first, kind)
    content = log.read_bytes()
    log.unlink()
    if how == "cut":
        log.write_bytes(content[:-9])
    before = sum(model.calls)
    second = run(source, GREEN, model)
    assert (second.outcome, second.detections_reused) == ("masked", False)
    assert sum(model.calls) - before == second.n_model_frames == 24
    assert sha256_of(output / str(second.detections_key)) == second.detections_sha256
    third = run(source, Policy(name="both", rules=(*RED.rules, *GREEN.rules)), None)
    assert (third.outcome, third.detections_reused) == ("masked", True)


def test_without_a_model_what_is_not_logged_fails_with_a_reason_that_says_so(
    source: Path,
) -> None:
    run(source, RED, CountingModel())
    other_model = CountingModel().card.model_copy(update={"sha256": "2b" * 32})
    report = run(source, GREEN, None, card=other_model)
    assert (report.outcome, report.code) == ("failed", "no_detections")
    assert "there is no model here; mask it anew" in str(report.reason)
    assert report.n_model_frames == 0


def test_another_output_gets_the_logs_too_and_stands_on_its_own(
    source: Path, tmp_path: Path
) -> None:
    first, there = tmp_path / "out", tmp_path / "there"
    run(source, RED, CountingModel())
    second = run(source, GREEN, None, output=there, logs=first)
    assert (second.outcome, second.detections_reused) == ("masked", True)
    assert sha256_of(there / str(second.detections_key)) == second.detections_sha256
    third = run(source, RED, None, output=there)
    assert (third.outcome, third.detections_reused) == ("masked", True)

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from stub_model import COLOURS, LampFinder, lamp_bits

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Effect, Policy
from fearrefactor.core.rle import encode
from fearrefactor.core.settings import CutSettings
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.plan import Region
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource, Published, Seen

    Tamper = Callable[[int, Sequence[Region]], Sequence[Region]]

RED, GREEN = COLOURS.index("red"), COLOURS.index("green")
LIT = range(6, 42)
NOWHERE_NEAR = Effect(kind="blur", strength=0.01)


def policy(on_leak: str = "fail", **effect: object) -> Policy:
    rule = {"classes": ["red", "green"], "effect": {"kind": "fill", **effect}}
    return Policy.model_validate({"rules": [rule], "on_leak": on_leak})


@pytest.fixture(scope="module")
def film() -> bytes:
    return clip({"red": LIT, "green": range(48)})


@pytest.fixture
def source(film: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    return path


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[VideoWorker]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    cut = CutSettings(min_segment_frames=12)
    settings = JobSettings(str(tmp_path / "out"), "", S3Settings(), cut=cut, batch=5)
    with VideoWorker(settings, LampFinder(), scratch) as made:
        yield made


class LeakyStages(InlineStages):
    """Does something to the regions of each frame, in the first rendering or in every one."""

    def __init__(self, worker: VideoWorker, tamper: Tamper, *, always: bool = False) -> None:
        super().__init__(worker, LampFinder().card, "stub")
        self._tamper = tamper
        self._always = always
        self.n_renderings: Counter[int] = Counter()

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Path, float]:
        """As told, but for what the test does."""
        self.n_renderings[task.segment.index] += 1
        if self._always or self.n_renderings[task.segment.index] == 1:
            regions = {i: kept for i, found in regions.items() if (kept := self._tamper(i, found))}
        return await super().render(source, task, regions, wanted)


class LeakyPlans(LeakyStages):
    """As if the plan had said what was rendered: else the verifier finds the difference."""

    async def finish(self, seen: Seen, rendered: Sequence[Path], *, whole: bool) -> Published:
        """With the regions that are left."""
        told = seen.plan.regions.items()
        regions = {i: tuple(kept) for i, found in told if (kept := self._tamper(i, found))}
        seen = replace(seen, plan=replace(seen.plan, regions=regions))
        return await super().finish(seen, rendered, whole=whole)


class ForgetfulStages(InlineStages):
    """Its first look misses every red lamp."""

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """All but red."""
        found, seconds = await super().detect(source, task)
        rows = np.flatnonzero(found.class_id != RED)
        return replace(
            found,
            frame=found.frame[rows],
            class_id=found.class_id[rows],
            score=found.score[rows],
            box=found.box[rows],
            mask=tuple(found.mask[row] for row in rows),
            surround=found.surround[rows],
        ), seconds


def run(
    worker: VideoWorker,
    source: Path,
    stages: InlineStages | None = None,
    audit: AuditMode | None = "all",
    wanted: Policy | None = None,
) -> VideoReport:
    stages = stages or InlineStages(worker, LampFinder().card, "stub")
    context = RunContext(replace(worker._settings, audit=audit), stages, Tally(), {})
    return asyncio.run(VideoRun(Row(1, "film", str(source)), wanted or policy(), context).run())


def published(folder: Path) -> list[Path]:
    return [path for name in ("videos", "review") for path in (folder / "out" / name).glob("*.mp4")]


def shows_a_lamp(path: Path) -> bool:
    return any(lamp_bits(frame, lamp).any() for frame in decoded(path) for lamp in (RED, GREEN))


def one_frame_off(frame: int, regions: Sequence[Region]) -> Sequence[Region]:
    return () if frame == 20 else regions


def one_track_off(frame: int, regions: Sequence[Region]) -> Sequence[Region]:  # noqa: ARG001
    return [region for region in regions if region.class_id != RED]


def shifted(frame: int, regions: Sequence[Region]) -> Sequence[Region]:  # noqa: ARG001
    moved = []
    for region in regions:
        bits = region.mask.bits()
        cells = round(40 * bits.shape[1] / 160)
        aside = np.zeros_like(bits)
        aside[:, cells:] = bits[:, :-cells]
        if aside.any():
            moved.append(replace(region, mask=encode(aside[None])[0]))
    return moved


def hardly_hidden(frame: int, regions: Sequence[Region]) -> Sequence[Region]:  # noqa: ARG001
    return [replace(region, effect=NOWHERE_NEAR) for region in regions]


PLANTED = [one_frame_off, one_track_off, shifted, hardly_hidden]


@pytest.mark.parametrize("tamper", PLANTED)
def test_a_leak_of_the_first_rendering_is_closed_and_the_video_is_published(
    worker: VideoWorker, source: Path, tmp_path: Path, tamper: Tamper
) -> None:
    stages = LeakyStages(worker, tamper)
    report = run(worker, source, stages)
    assert (report.outcome, report.reason) == ("masked", None)
    assert report.n_leaks >= 1
    assert any("audit" in note for note in report.notes)
    (path,) = published(tmp_path)
    assert not shows_a_lamp(path)


@pytest.mark.parametrize("tamper", PLANTED)
def test_a_leak_that_stays_fails_the_video_and_nothing_is_published(
    worker: VideoWorker, source: Path, tmp_path: Path, tamper: Tamper
) -> None:
    report = run(worker, source, LeakyStages(worker, tamper, always=True))
    assert (report.outcome, report.code) == ("failed", "leak")
    assert "is still recognised" in str(report.reason)
    assert report.n_leaks >= 1
    assert published(tmp_path) == []


def test_a_policy_may_want_a_person_to_see_what_leaks(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    stages = LeakyPlans(worker, one_track_off, always=True)
    report = run(worker, source, stages, wanted=policy("review"))
    assert (report.outcome, report.code) == ("review", "review")
    assert "a red is still recognised" in str(report.reason)
    assert [path.parent.name for path in published(tmp_path)] == ["review"]


def test_a_sample_is_enough_to_catch_a_track_that_is_not_masked(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    report = run(worker, source, LeakyStages(worker, one_track_off, always=True), audit="sampled")
    assert (report.outcome, report.code) == ("failed", "leak")
    assert report.n_audited_frames <= 2 * 5 + 5
    assert published(tmp_path) == []


def test_only_segments_whose_regions_changed_are_rendered_again(
    worker: VideoWorker, source: Path
) -> None:
    def frame_45_off(frame: int, regions: Sequence[Region]) -> Sequence[Region]:
        return () if frame == 45 else regions

    # Green leaves at the right and comes back at the left in frame 44: another track.
    stages = LeakyStages(worker, frame_45_off)
    report = run(worker, source, stages)
    assert (report.outcome, report.n_leaks) == ("masked", 1)
    assert stages.n_renderings == {0: 1, 1: 1, 2: 1, 3: 2}


def test_what_the_first_look_missed_is_hidden_between_the_sampled_frames_too(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    stages = ForgetfulStages(worker, LampFinder().card, "stub")
    report = run(worker, source, stages, audit="sampled")
    assert (report.outcome, report.reason) == ("masked", None)
    assert 1 <= report.n_leaks <= report.n_audited_frames
    frames = decoded(published(tmp_path)[0])
    exposed = [i for i, frame in enumerate(frames) if lamp_bits(frame, RED).any()]
    assert exposed == []


def test_a_video_that_hides_all_is_looked_at_once_and_not_changed(
    worker: VideoWorker, source: Path
) -> None:
    stages = LeakyStages(worker, lambda _, regions: regions)
    report = run(worker, source, stages)
    assert (report.outcome, report.audit, report.n_leaks) == ("masked", "all", 0)
    assert report.n_audited_frames == report.n_masked_frames == 48
    assert report.n_model_frames == 2 * 48
    assert set(stages.n_renderings.values()) == {1}


def test_a_video_without_anything_to_mask_has_nothing_to_audit(
    worker: VideoWorker, source: Path
) -> None:
    report = run(worker, source, wanted=Policy.model_validate({"rules": [{"classes": ["blue"]}]}))
    assert (report.outcome, report.n_audited_frames) == ("clean", 0)


def test_a_result_that_was_audited_less_is_not_used_for_a_run_that_asks_for_more(
    worker: VideoWorker, source: Path
) -> None:
    first = run(worker, source, audit="none")
    assert (first.audit, first.n_audited_frames) == ("none", 0)
    second = run(worker, source, audit="sampled")
    assert (second.reused, second.detections_reused, second.n_audited_frames) == (False, True, 5)
    third = run(worker, source, audit="none")
    assert (third.reused, third.n_model_frames) == (True, 0)


def test_logged_detections_are_audited_only_on_request(worker: VideoWorker, source: Path) -> None:
    first = run(worker, source, audit=None)
    assert (first.audit, first.n_audited_frames) == ("sampled", 5)
    other = policy(color="#000000")
    second = run(worker, source, audit=None, wanted=other)
    assert (second.reused, second.audit, second.n_model_frames) == (False, "none", 0)

"""Try 22: results come late and in another order; the frames of what is published are the same."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from lamp_clips import clip, decoded
from nights import Night, rows_in

from fearrefactor.core.settings import CutSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from conftest import Trial
    from numpy.typing import NDArray

    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import Logged, PinnedSource, Published, Seen, Survey
    from fearrefactor.pipeline.stages import Stages

_T = TypeVar("_T")
N_FRAMES = 72
ONE_SEGMENT = {"cut": CutSettings(min_segment_frames=10_000), "batch": 4}
#: A lamp that comes and goes, so that tracks end, begin and are bridged in the midst of segments.
LIT = {"red": {*range(5, 20), *range(23, 41), *range(58, 72)}, "blue": range(30, 50)}


class ShuffledStages:
    """``Stages`` whose steps begin late and whose answers come late, in an order of chance."""

    def __init__(self, stages: Stages) -> None:
        self.card = stages.card
        self.detect_settings = stages.detect_settings
        self.max_videos = stages.max_videos
        self.packet_room_bytes = stages.packet_room_bytes
        self.meters = stages.meters
        self._stages = stages
        self._chance = random.Random(22)

    async def survey(self, uri: str) -> Survey:
        """Late."""
        return await self._late(lambda: self._stages.survey(uri))

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """Late."""
        return await self._late(lambda: self._stages.find(row_key, work_ids))

    async def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Late."""
        return await self._late(lambda: self._stages.logged(row_key, detect_id))

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Late."""
        return await self._late(lambda: self._stages.detect(source, task))

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        """Late."""
        return await self._late(lambda: self._stages.decide(detections, policy, canvas))

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[Any, float]:
        """Late."""
        return await self._late(lambda: self._stages.render(source, task, regions, wanted))

    async def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Any, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """Late."""
        return await self._late(lambda: self._stages.audit(source, task, rendered, frames))

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """Late."""
        return await self._late(lambda: self._stages.finish(seen, rendered, whole=whole))

    async def _late(self, step: Callable[[], Awaitable[_T]]) -> _T:
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        answer = await step()
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        return answer


def frames_of(night: Night, folder: Path) -> dict[int, list[str]]:
    """Hashes of the frames of each row's result, as a player decodes them."""
    return {
        report.row: [
            hashlib.sha256(frame.tobytes()).hexdigest()
            for frame in decoded(folder / str(report.output_key))
        ]
        for report in assert_invariants(night)
    }


def plans_of(night: Night) -> dict[int, str | None]:
    """Checksums of what was to be masked in each row's frames."""
    return {report.row: report.plan_sha256 for report in night.reports()}


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("cut", [{}, ONE_SEGMENT], ids=["many segments", "one segment"])
def test_whenever_and_in_whatever_order_answers_come_the_frames_are_the_same(
    night_folder: Path, cut: dict[str, Any], *, full: bool, tried: Trial
) -> None:
    n_films = 40 if full else 2
    rows = rows_in(night_folder / "films", films(n_films))
    plain = Night(f"{night_folder}/plain/", rows, job=cut)
    plain.run()
    expected = frames_of(plain, night_folder / "plain")
    assert [len(hashes) for hashes in expected.values()] == [N_FRAMES] * n_films
    ways: dict[str, dict[str, Any]] = {
        "late": {"around": ShuffledStages},
        "late-by-actors": {"around": ShuffledStages, "workers": 2},
    }
    for name, way in ways.items():
        night = replace(plain, output=f"{night_folder}/{name}/", **way)
        report, _ = night.run()
        assert report.outcomes["masked"] == n_films, (name, report.outcomes)
        assert frames_of(night, night_folder / name) == expected, name
        assert plans_of(night) == plans_of(plain), name
        assert_nothing_is_left(night)
        assert_a_rerun_does_nothing(replace(night, workers=None, around=None))
    tried(f"{n_films} films, 6 ways", "the same frames, whenever answers came")


def test_however_a_video_is_cut_the_same_is_masked_in_it(
    night_folder: Path, *, full: bool, tried: Trial
) -> None:
    n_films = 40 if full else 2
    rows = rows_in(night_folder / "films", films(n_films))
    nights = [
        Night(f"{night_folder}/{name}/", rows, around=ShuffledStages, job=cut)
        for name, cut in (("many", {}), ("one", ONE_SEGMENT))
    ]
    for night in nights:
        night.run()
        assert_invariants(night)
    many, one = nights
    assert plans_of(many) == plans_of(one)
    # An encoder goes on from GOP to GOP within a segment, so that the samples differ a little.
    for report in many.reports():
        key = str(report.output_key)
        results = (decoded(night_folder / name / key) for name in ("many", "one"))
        for some, others in zip(*results, strict=True):
            assert np.abs(some.astype(int) - others).mean() < 2
    tried(f"{n_films} films, 6 ways", "the same plans for 1 and 6 segments")


def films(n: int) -> Iterator[bytes]:
    """With lamps that come and go."""
    return (clip(LIT, N_FRAMES, seed=seed, barred=True) for seed in range(n))

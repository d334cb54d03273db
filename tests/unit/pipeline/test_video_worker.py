from __future__ import annotations

import asyncio
import io
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from fake_stages import Tally
from lamp_clips import clip, corner, decoded
from stub_model import COLOURS, LampFinder, RaisingModel, lamp_bits
from values import frame_by_frame

from fearrefactor.core.manifest import Row
from fearrefactor.core.moments import MOST_MOMENTS
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.settings import ChildSettings, CutSettings
from fearrefactor.core.thumbnail import Moment
from fearrefactor.errors import (
    FidelityError,
    ModelError,
    NotFoundError,
    SourceChangedError,
    WorkerLostError,
)
from fearrefactor.media.packets import EncodedPacket, unpack_all
from fearrefactor.pipeline.inline import HeldPackets, InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.storage.thumbnail_log import read_thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.leaks import AuditMode
    from fearrefactor.core.plan import Region
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource
    from fearrefactor.pipeline.stages import Stages

    Spoil = Callable[[EncodedPacket], EncodedPacket]

LIT = range(6, 30)
GREY = 128  # of a fill that names no colour
FILL_RED = Policy(name="red", rules=(frame_by_frame("red", effect="fill"),))


@pytest.fixture(scope="module")
def film() -> bytes:
    return clip({"red": LIT, "green": range(48)})


@pytest.fixture
def source(film: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    path = tmp_path / "scratch"
    path.mkdir()
    return path


def settings(tmp_path: Path) -> JobSettings:
    cut = CutSettings(min_segment_frames=12)
    return JobSettings(str(tmp_path / "out"), "", S3Settings(), cut=cut, batch=5)


@pytest.fixture
def worker(tmp_path: Path, scratch: Path) -> Iterator[VideoWorker]:
    with VideoWorker(settings(tmp_path), LampFinder(), scratch) as made:
        yield made


def run(
    worker: VideoWorker,
    source: Path,
    policy: Policy = FILL_RED,
    stages: Stages | None = None,
    audit: AuditMode | None = None,
) -> VideoReport:
    steps = stages or InlineStages(worker, LampFinder().card, "stub")
    context = RunContext(replace(worker._settings, audit=audit), steps, Tally(), {})
    return asyncio.run(VideoRun(Row(1, "film", str(source)), policy, context).run())


def child_pid(worker: VideoWorker) -> int:
    assert worker._child is not None
    return worker._child._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_lamp_is_masked_in_every_frame_in_which_it_shines_and_nothing_else_is(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    report = run(worker, source)
    assert (report.outcome, report.reason) == ("masked", None)
    assert (report.n_frames, report.n_masked_frames, report.n_detections) == (48, 24, 72)
    before = decoded(source)
    after = decoded(tmp_path / "out" / str(report.output_key))
    assert len(after) == 48
    red, green = COLOURS.index("red"), COLOURS.index("green")
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        assert lamp_bits(old, red).any() == (index in LIT)
        assert not lamp_bits(new, red).any()
        assert lamp_bits(new, green).sum() >= 48
        left, top = corner("red", index)
        far = np.ones(old.shape[:2], bool)
        far[max(0, top - 12) : top + 44, max(0, left - 12) : left + 44] = False
        assert np.abs(old.astype(int) - new)[far].mean() < 2


def test_a_video_that_has_no_time_left_fails_with_its_own_code_at_once(
    tmp_path: Path, scratch: Path, source: Path
) -> None:
    hasty = replace(settings(tmp_path), child=ChildSettings(patience=1e-5))
    with VideoWorker(hasty, LampFinder(), scratch) as worker:
        report = run(worker, source)
        assert (report.outcome, report.code) == ("failed", "limit_time")
        assert list(worker.scratch.iterdir()) == []


def test_each_stage_that_was_done_has_its_seconds(worker: VideoWorker, source: Path) -> None:
    seconds = run(worker, source).seconds
    stages = {"checksum", "index", "detect", "decide", "render", "audit"}
    stages |= {"assemble", "verify", "publish"}
    assert set(seconds) == stages


def test_small_pictures_of_the_masked_film_show_its_mask_and_never_the_lamp(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    report = run(worker, source)
    after = decoded(tmp_path / "out" / str(report.output_key))
    (path,) = (tmp_path / "out" / "thumbnails").glob("*.parquet")
    assert path.name == Path(str(report.plan_key)).name
    pictures, told = read_thumbnails(path)
    assert told == {"video_id": "film", "work_id": report.work_id}
    assert pictures[0].moment == Moment(LIT[0], "first")
    assert len(pictures) == MOST_MOMENTS
    for one in pictures:
        assert one.moment.frame in LIT
        shown = cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        assert not lamp_bits(shown, COLOURS.index("red")).any()
        assert lamp_bits(shown, COLOURS.index("green")).sum() >= 48
        left, top = corner("red", one.moment.frame)
        lamp = shown[top + 4 : top + 28, left + 4 : left + 28]
        assert np.abs(lamp.astype(int) - GREY).max() < 16
        assert np.abs(shown.astype(int) - after[one.moment.frame]).mean() < 4


def test_a_clean_video_has_the_packets_of_its_source(
    worker: VideoWorker, source: Path, tmp_path: Path
) -> None:
    report = run(worker, source, Policy(rules=(Rule(classes=("blue",)),)))
    assert (report.outcome, report.n_detections) == ("clean", 72)
    assert not (tmp_path / "out" / "thumbnails").exists()
    assert packets(tmp_path / "out" / str(report.output_key)) == packets(source)


def test_the_same_work_is_done_once(worker: VideoWorker, source: Path) -> None:
    first, second = run(worker, source), run(worker, source)
    assert (first.reused, second.reused) == (False, True)
    assert first.output_sha256 == second.output_sha256
    assert "detect" not in second.seconds


def test_steps_of_one_video_share_a_child_and_the_next_video_gets_another(
    worker: VideoWorker, source: Path, film: bytes, tmp_path: Path
) -> None:
    survey = worker.survey(str(source))
    first = child_pid(worker)
    for task in survey.index.tasks():
        worker.detect(survey.source, task)
    assert child_pid(worker) == first
    (tmp_path / "other.mp4").write_bytes(film)
    worker.survey(str(tmp_path / "other.mp4"))
    assert child_pid(worker) != first
    assert not is_running(first)


@pytest.mark.parametrize("error", [ModelError("rubbish"), RuntimeError("the runtime broke")])
def test_after_an_error_the_child_is_not_used_again(
    tmp_path: Path, scratch: Path, source: Path, error: Exception
) -> None:
    with VideoWorker(settings(tmp_path), RaisingModel(error=error), scratch) as worker:
        survey = worker.survey(str(source))
        first = child_pid(worker)
        with pytest.raises(type(error)):
            worker.detect(survey.source, survey.index.tasks()[0])
        assert not is_running(first)
        assert worker._child is None


def test_a_killed_child_is_a_lost_worker_and_the_step_can_be_done_again(
    worker: VideoWorker, source: Path
) -> None:
    survey = worker.survey(str(source))
    task = survey.index.tasks()[1]
    os.kill(child_pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="ended by signal 9"):
        worker.detect(survey.source, task)
    found, _ = worker.detect(survey.source, task)
    assert found.frames.tolist() == list(range(12, 24))


def test_a_render_that_nobody_reads_to_its_end_does_not_spoil_the_next_step(
    worker: VideoWorker, source: Path
) -> None:
    survey = worker.survey(str(source))
    task = survey.index.tasks()[0]
    pieces = worker.render(survey.source, task, {}, np.ones(1, bool))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    found, _ = worker.detect(survey.source, task)
    assert found.frames.tolist() == list(range(12))


class SpoilingStages(InlineStages):
    """Spoils the last packet of a video between the one who renders and the one who assembles."""

    def __init__(
        self, worker: VideoWorker, spoil: Callable[[EncodedPacket], EncodedPacket]
    ) -> None:
        super().__init__(worker, LampFinder().card, "stub")
        self._spoil = spoil

    async def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[HeldPackets, float]:
        held, seconds = await super().render(source, task, regions, wanted)
        if task.segment.index == 2:  # the last one that is dirty
            *packets, last = unpack_all(io.BytesIO(held.path.read_bytes()))
            spoilt = b"".join(packet.pack() for packet in [*packets, self._spoil(last)])
            held.path.write_bytes(spoilt)
        return held, seconds


#: Who looks first names it: the verifier, or the audit before it.
NAMED = {
    ("none", "late"): "time of frame",
    ("none", "zeroes"): "cannot be read back",
    ("all", "late"): "expected a whole frame of segment 2 at pts",
    ("all", "zeroes"): "what was rendered cannot be decoded",
}


@pytest.mark.parametrize("audit", ["none", "all"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda packet: replace(packet, pts=packet.pts + 100), "late"),
        (lambda packet: replace(packet, data=bytes(len(packet.data))), "zeroes"),
    ],
    ids=["late", "zeroes"],
)
def test_nothing_is_published_when_the_result_is_not_what_it_should_be(
    worker: VideoWorker,
    source: Path,
    tmp_path: Path,
    *,
    spoil: Spoil,
    said: str,
    audit: AuditMode,
) -> None:
    report = run(worker, source, stages=SpoilingStages(worker, spoil), audit=audit)
    assert (report.outcome, report.code) == ("failed", FidelityError.code)
    assert NAMED[audit, said] in str(report.reason)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_a_source_that_is_not_there_is_not_found(worker: VideoWorker, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        worker.survey(str(tmp_path / "nobody.mp4"))


def test_a_source_that_changes_under_way_is_not_mixed_with_its_new_self(
    worker: VideoWorker, source: Path
) -> None:
    survey = worker.survey(str(source))
    worker._drop_child()
    source.write_bytes(clip({"blue": range(48)}))
    with pytest.raises(SourceChangedError, match="overwritten"):
        worker.detect(survey.source, survey.index.tasks()[0])


def test_no_scratch_file_and_no_child_outlives_the_worker(
    tmp_path: Path, scratch: Path, source: Path
) -> None:
    with VideoWorker(settings(tmp_path), LampFinder(), scratch) as worker:
        survey = worker.survey(str(source))
        worker.detect(survey.source, survey.index.tasks()[0])
        child = child_pid(worker)
        assert list(scratch.iterdir()) != []
    assert list(scratch.iterdir()) == []
    assert not is_running(child)


def test_a_finished_video_leaves_no_packets_behind(worker: VideoWorker, source: Path) -> None:
    assert run(worker, source).outcome == "masked"
    assert list(worker.scratch.iterdir()) == []


def test_a_worker_without_a_model_says_so(tmp_path: Path, scratch: Path, source: Path) -> None:
    with VideoWorker(settings(tmp_path), None, scratch) as worker:
        survey = worker.survey(str(source))
        with pytest.raises(ModelError, match="there is no model here"):
            worker.detect(survey.source, survey.index.tasks()[0])


def packets(path: Path) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]

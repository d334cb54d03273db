from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_stages import (
    CARD,
    VERSIONS,
    FakeStages,
    Film,
    Tally,
    make_context,
    make_detections,
    make_index,
)
from values import frame_by_frame

from fearrefactor.core.detections import concatenate
from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Policy, Review, Rule
from fearrefactor.errors import (
    FearRefactorError,
    FidelityError,
    LimitError,
    ManifestError,
    MediaError,
    ModelError,
    NotFoundError,
    PacketsLostError,
    SourceChangedError,
    StoreError,
    UnsupportedError,
    WorkerLostError,
)
from fearrefactor.pipeline.job import Kept, Logged, Published
from fearrefactor.pipeline.video import VideoRun

if TYPE_CHECKING:
    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.deciding import Decided
    from fearrefactor.pipeline.job import Survey

DOGS = Policy(name="dogs", rules=(frame_by_frame("dog"),))
ROW = Row(number=7, id="film", uri="film", extra={"shift": "night"})
SOME_DOGS = frozenset({3, 4, 20})


def run(film: Film, policy: Policy = DOGS, progress: Tally | None = None) -> VideoReport:
    return run_on(FakeStages({"film": film}), policy, progress)


def run_on(stages: FakeStages, policy: Policy = DOGS, progress: Tally | None = None) -> VideoReport:
    return asyncio.run(VideoRun(ROW, policy, make_context(stages, progress)).run())


def test_a_video_with_dogs_is_masked_and_its_report_tells_everything() -> None:
    report = run(Film(dogs=SOME_DOGS))
    assert (report.outcome, report.code, report.reason) == ("masked", None, None)
    assert (report.row, report.id, report.uri) == (7, "film", "film")
    assert report.extra == {"shift": "night"}
    assert (report.n_frames, report.n_masked_frames, report.n_detections) == (24, 3, 3)
    assert (report.duration_s, report.input_bytes) == (1.0, 1000)
    assert (report.model, report.model_sha256) == (CARD.name, CARD.sha256)
    assert (report.policy, report.policy_digest) == ("dogs", DOGS.digest())
    assert report.versions == VERSIONS
    assert report.output_key == "videos/film.mp4"
    assert None not in (report.detect_id, report.work_id, report.input_sha256)


def test_seconds_of_a_stage_are_summed_over_segments() -> None:
    seconds = run(Film(n_segments=4, dogs=SOME_DOGS)).seconds
    assert (seconds["detect"], seconds["render"]) == (1.0, 0.25)
    assert (seconds["index"], seconds["verify"]) == (0.5, 0.5)


def test_each_segment_is_rendered_with_its_own_regions_and_assembled_in_order() -> None:
    stages = FakeStages({"film": Film(n_segments=4, dogs=SOME_DOGS)})
    run_on(stages)
    assert stages.finished_with == [(["packets of film 0", "packets of film 3"], False)]
    assert stages.regions == {3: 1, 4: 1, 20: 1}


def test_only_the_gops_with_something_to_mask_are_rendered() -> None:
    stages = FakeStages({"film": Film(n_segments=4, dogs=SOME_DOGS)})
    report = run_on(stages)
    assert stages.rendered == [0, 3]
    assert (report.n_masked_frames, report.n_rendered_frames) == (3, 12)


def test_a_video_that_cannot_be_spliced_is_rendered_whole_and_says_why() -> None:
    film = Film(n_segments=4, dogs=SOME_DOGS, info={"whole_because": "av1 is not spliced"})
    stages = FakeStages({"film": film})
    report = run_on(stages)
    assert sorted(stages.rendered) == [0, 1, 2, 3]
    assert report.n_rendered_frames == 24
    assert "rendered whole: av1 is not spliced" in report.notes


def test_what_rendered_frames_lose_is_said_where_frames_are_rendered() -> None:
    info = {"left_behind": ("HDR10+ metadata",), "dolby_vision": True}
    told = "not in rendered frames: HDR10+ metadata, Dolby Vision"
    assert told in run(Film(dogs=SOME_DOGS, info=info)).notes
    assert told not in run(Film(info=info)).notes


def test_a_splice_that_is_not_faithful_is_rendered_whole_with_a_note() -> None:
    faults = {"finish": [FidelityError("a frame is gone")]}
    film = Film(n_segments=4, dogs=SOME_DOGS, faults=faults)  # type: ignore[arg-type]
    stages = FakeStages({"film": film})
    report = run_on(stages)
    assert (report.outcome, report.n_rendered_frames) == ("masked", 24)
    assert [whole for _, whole in stages.finished_with] == [False, True]
    assert report.notes == ["rendered whole: the splice was not faithful: a frame is gone"]


def test_a_video_that_is_not_faithful_even_when_rendered_whole_fails() -> None:
    faults = {"finish": [FidelityError("a frame is gone"), FidelityError("it still is")]}
    film = Film(n_segments=4, dogs=SOME_DOGS, faults=faults)  # type: ignore[arg-type]
    report = run(film)
    assert (report.code, report.reason) == ("fidelity", "it still is")


def test_a_video_with_nothing_to_mask_is_clean_and_copied_without_rendering() -> None:
    stages = FakeStages({"film": Film()})
    report = run_on(stages)
    assert (report.outcome, report.n_masked_frames, report.n_rendered_frames) == ("clean", 0, 0)
    assert stages.finished_with == [([], False)]
    assert stages.count("render") == 0


def test_frames_count_when_they_are_detected_rendered_and_looked_at_again() -> None:
    masked, clean = Tally(), Tally()
    run(Film(n_frames=30, dogs=SOME_DOGS), progress=masked)
    run(Film(n_frames=30), progress=clean)
    assert (masked.n_expected, masked.n_done) == (61, 61)
    assert (clean.n_expected, clean.n_done) == (30, 30)


def test_a_copy_that_is_not_faithful_is_rendered_whole_with_a_note() -> None:
    stages = FakeStages({"film": Film(faults={"finish": [FidelityError("a frame is gone")]})})
    report = run_on(stages)
    assert (report.outcome, stages.count("render")) == ("clean", 2)
    assert stages.finished_with == [
        ([], False),
        (["packets of film 0", "packets of film 1"], True),
    ]
    assert report.notes == ["rendered whole: the splice was not faithful: a frame is gone"]


def test_a_rendered_video_that_is_not_faithful_fails() -> None:
    film = Film(dogs=SOME_DOGS, faults={"finish": [FidelityError("a frame is gone")]})
    assert run(film).code == "fidelity"


def test_an_image_is_never_copied() -> None:
    stages = FakeStages({"film": Film(info={"is_image": True})})
    report = run_on(stages)
    assert report.outcome == "clean"
    assert stages.count("render") == 2


class OnAnOldKernel(FakeStages):
    async def survey(self, uri: str) -> Survey:
        return replace(await super().survey(uri), gaps=("files: no Landlock",))


def test_what_a_machine_lacks_to_lock_its_media_process_in_is_noted() -> None:
    report = run_on(OnAnOldKernel({"film": Film()}))
    assert report.notes == ["its media process was not locked in: files: no Landlock"]


def test_what_is_unusual_about_a_source_is_noted() -> None:
    report = run(Film(info={"interlaced": True, "pix_fmt": "yuv422p"}))
    assert report.notes == ["interlaced", "pixel format yuv422p"]


@pytest.mark.parametrize("step", ["survey", "find", "logged", "detect", "render", "finish"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FearRefactorError("x"), "internal"),
        (ManifestError("x", code="unknown_scheme"), "unknown_scheme"),
        (MediaError("x"), "decode_error"),
        (MediaError("x", code="truncated"), "truncated"),
        (UnsupportedError("x"), "unsupported"),
        (LimitError("x"), "limit_exceeded"),
        (ModelError("x"), "model_error"),
        (StoreError("x"), "store_error"),
        (StoreError("x", code="access_denied"), "access_denied"),
        (NotFoundError("x"), "not_found"),
        (SourceChangedError("x"), "source_changed"),
    ],
)
def test_an_error_of_any_step_fails_the_video_with_its_code(
    step: str, error: FearRefactorError, code: str
) -> None:
    report = run(Film(dogs=SOME_DOGS, faults={step: [error]}))
    assert (report.outcome, report.code, report.reason) == ("failed", code, "x")
    assert report.output_key is None


@pytest.mark.parametrize("step", ["survey", "find", "logged", "detect", "render", "finish"])
def test_an_error_that_nobody_foresaw_fails_the_video_as_internal(step: str) -> None:
    report = run(Film(dogs=SOME_DOGS, faults={step: [ZeroDivisionError("by zero")]}))
    assert (report.outcome, report.code) == ("failed", "internal")
    assert report.reason == "ZeroDivisionError: by zero"
    assert report.output_key is None


def test_a_reason_is_one_printable_line_of_bounded_length() -> None:
    reason = run(Film(faults={"detect": [MediaError("bad\n\x1b[31mbytes" + "x" * 999)]})).reason
    assert reason is not None
    assert reason.isprintable()
    assert len(reason) == 500


@pytest.mark.parametrize("step", ["survey", "find", "logged", "detect", "render", "finish"])
def test_two_lost_workers_are_survived(step: str) -> None:
    lost: list[Exception] = [WorkerLostError("gone"), WorkerLostError("gone")]
    report = run(Film(dogs=SOME_DOGS, faults={step: lost}))
    assert (report.outcome, report.n_masked_frames) == ("masked", 3)


@pytest.mark.parametrize("step", ["survey", "find", "logged", "detect", "render", "finish"])
def test_three_lost_workers_are_the_videos_fault(step: str) -> None:
    film = Film(dogs=SOME_DOGS, faults={step: [WorkerLostError(f"no. {n}") for n in range(9)]})
    report = run(film)
    assert (report.outcome, report.code) == ("failed", "poison")
    assert report.reason == "3 processes that handled it died; the last: no. 2"


def test_two_lost_workers_in_each_of_many_steps_are_survived() -> None:
    steps = ("survey", "find", "logged", "detect", "render")
    lost: list[Exception] = [WorkerLostError("gone"), WorkerLostError("gone")]
    report = run(Film(dogs=SOME_DOGS, faults={step: list(lost) for step in steps}))
    assert report.outcome == "masked", report.reason


def test_packets_that_went_with_a_machine_are_rendered_again_and_only_they() -> None:
    gone: list[Exception] = [PacketsLostError((1,)), PacketsLostError((0, 1))]
    stages = FakeStages({"film": Film(dogs=frozenset(range(24)), faults={"finish": gone})})
    report = run_on(stages)
    assert (report.outcome, report.n_masked_frames) == ("masked", 24)
    assert stages.rendered == [0, 1, 1, 0, 1]
    assert [len(rendered) for rendered, _ in stages.finished_with] == [2, 2, 2]
    assert stages.count("detect") == 2


def test_packets_that_are_gone_before_they_are_looked_at_are_rendered_again() -> None:
    gone: list[Exception] = [PacketsLostError((0,))]
    stages = FakeStages({"film": Film(dogs=frozenset(range(24)), faults={"audit": gone})})
    tally = Tally()
    report = run_on(stages, progress=tally)
    assert report.outcome == "masked"
    assert sorted(stages.rendered) in ([0, 0, 1], [0, 1, 1])
    assert (stages.count("audit"), stages.count("finish")) == (3, 1)
    assert tally.n_done == tally.n_expected


def test_packets_that_are_gone_again_and_again_interrupt_the_video() -> None:
    gone: list[Exception] = [PacketsLostError((0,)) for _ in range(30)]
    report = run(Film(dogs=SOME_DOGS, faults={"finish": gone}))
    assert (report.outcome, report.code) == ("failed", "interrupted")


@pytest.mark.parametrize("skipped", [0, 11, 12, 23])
def test_a_frame_that_nobody_inspected_fails_the_video(skipped: int) -> None:
    stages = FakeStages({"film": Film(dogs=SOME_DOGS, skipped=frozenset({skipped}))})
    report = run_on(stages)
    assert (report.outcome, report.code) == ("failed", "decode_error")
    assert f"first missing: {skipped}" in (report.reason or "")
    assert stages.count("finish") == 0


def test_work_that_an_earlier_run_published_is_not_done_again() -> None:
    there = Published(
        output_key="videos/film.1234.mp4",
        output_sha256="0f" * 32,
        output_bytes=5,
        detections_key="detections/film.5678.parquet",
        detections_sha256="0e" * 32,
        plan_key="plans/film.1234.parquet",
        plan_sha256="0d" * 32,
        outcome="masked",
        reason=None,
        n_frames=24,
        n_masked_frames=9,
        n_detections=11,
        reused=True,
        seconds={},
    )
    stages = FakeStages({"film": Film(published=there)})
    progress = Tally()
    report = run_on(stages, progress=progress)
    assert [name for name, _ in stages.calls] == ["survey", "find"]
    assert (report.outcome, report.reused, report.n_masked_frames) == ("masked", True, 9)
    assert progress.n_expected == 0


def test_a_policy_with_a_class_that_the_model_lacks_fails_before_anything_is_read() -> None:
    stages = FakeStages({"film": Film()})
    report = run_on(stages, Policy(rules=(Rule(classes=("dgo",)),)))
    assert (report.outcome, report.code) == ("failed", "unknown_class")
    assert "nearest: dog" in (report.reason or "")
    assert stages.calls == []


def test_other_policies_give_other_work_and_the_same_detections() -> None:
    dogs = run(Film())
    renamed = run(Film(), Policy(name="other", rules=DOGS.rules))
    people = run(Film(), Policy(rules=(Rule(classes=("person",)),)))
    assert dogs.detect_id == renamed.detect_id == people.detect_id
    assert dogs.work_id == renamed.work_id != people.work_id


def logged(film: Film) -> Logged:
    index = make_index(film.n_frames, film.n_segments)
    parts = [make_detections(segment, film.dogs) for segment in index.segments]
    return Logged(
        concatenate(parts), index.pts, Kept("detections/film.parquet", "0e" * 32), is_published=True
    )


def test_logged_detections_are_decided_on_again_and_the_model_is_not_asked() -> None:
    anew, there = Film(dogs=SOME_DOGS), Film(logged=logged(Film(dogs=SOME_DOGS)))
    first, stages, progress = run(anew), FakeStages({"film": there}), Tally()
    second = run_on(stages, progress=progress)
    assert stages.count("detect") == 0
    assert (first.detections_reused, first.n_model_frames >= 24) == (False, True)
    assert (second.detections_reused, second.n_model_frames) == (True, 0)
    assert (second.outcome, second.n_masked_frames) == ("masked", first.n_masked_frames)
    assert not second.reused
    assert progress.n_expected == progress.n_done == 24


def test_a_log_of_frames_at_other_times_is_not_used() -> None:
    found = logged(Film(dogs=SOME_DOGS))
    for pts in (found.pts + 1, found.pts[:-1]):
        stages = FakeStages({"film": Film(logged=replace(found, pts=pts))})
        report = run_on(stages)
        assert (stages.count("detect"), report.detections_reused) == (2, False)
        assert report.outcome == "clean"


def test_a_video_that_failed_on_its_way_has_its_model_frames_counted() -> None:
    film = Film(dogs=SOME_DOGS, faults={"finish": [StoreError("full")]})
    assert run(film).n_model_frames >= 24


def test_content_other_than_what_was_seen_is_refused_before_anything_is_done() -> None:
    stages = FakeStages({"film": Film(dogs=SOME_DOGS)})
    row = replace(ROW, sha256="77" * 32)
    report = asyncio.run(VideoRun(row, DOGS, make_context(stages)).run())
    assert (report.outcome, report.code) == ("failed", "source_changed")
    assert f"expected content with the sha256 {'77' * 32}" in str(report.reason)
    assert [name for name, _ in stages.calls] == ["survey"]
    true = replace(ROW, sha256=run(Film()).input_sha256)
    stages = FakeStages({"film": Film(dogs=SOME_DOGS)})
    again = asyncio.run(VideoRun(true, DOGS, make_context(stages)).run())
    assert again.outcome == "masked"


@pytest.mark.parametrize(("limit", "outcome"), [(0.1, "review"), (0.2, "masked")])
def test_a_video_beyond_a_limit_of_the_policy_waits_for_a_person(
    limit: float, outcome: str
) -> None:
    policy = Policy(rules=DOGS.rules, review=Review(masked_frames=limit))
    report = run(Film(dogs=SOME_DOGS), policy)
    assert report.outcome == outcome
    assert (report.code == "review") == (outcome == "review")
    assert ("of 24 frames, limit 10 %" in str(report.reason)) == (outcome == "review")


class DeadlyPlans(FakeStages):
    """Stages whose workers die while they decide, so many times."""

    def __init__(self, films: dict[str, Film], n_deaths: int) -> None:
        super().__init__(films)
        self.n_deaths = n_deaths
        self.n_decided = 0

    async def decide(self, detections: Detections, policy: Policy, canvas: Canvas) -> Decided:
        self.n_decided += 1
        if self.n_decided <= self.n_deaths:
            raise WorkerLostError("out of memory")
        return await super().decide(detections, policy, canvas)


def test_a_worker_that_dies_while_it_decides_is_no_end_of_the_driver() -> None:
    stages = DeadlyPlans({"film": Film(dogs=SOME_DOGS)}, n_deaths=2)
    assert run_on(stages).outcome == "masked"
    assert stages.n_decided == 3
    assert run_on(DeadlyPlans({"film": Film(dogs=SOME_DOGS)}, n_deaths=3)).code == "poison"


def test_where_nothing_was_seen_no_worker_is_asked_to_decide() -> None:
    stages = DeadlyPlans({"film": Film()}, n_deaths=99)
    assert run_on(stages).outcome == "clean"
    assert stages.n_decided == 0

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages, Film, Tally, make_context
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.manifest import default_id, parse_row
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.shard import Shard
from fearrefactor.errors import (
    FidelityError,
    MediaError,
    NotFoundError,
    PolicyError,
    WorkerLostError,
)
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.run import of_shard, requested, run_videos
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.storage.manifest_file import RawRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))
CATS = Policy(name="cats", rules=(Rule(classes=("cat",)),))


def policy_of(row: Row) -> Policy:
    if row.policy == "missing":
        raise PolicyError("there is no policy 'missing'")
    return CATS if row.policy == "cats" else DOGS


def run(
    rows: Iterable[RawRow],
    stages: FakeStages | None = None,
    max_in_flight: int = 3,
    progress: Tally | None = None,
) -> list[VideoReport]:
    reports: list[VideoReport] = []
    context = make_context(stages or FakeStages({}), progress)
    asyncio.run(
        run_videos(
            requested(rows, policy_of, context),
            context.progress,
            Hands(max_in_flight),
            reports.append,
        )
    )
    return reports


def row(number: int, **values: object) -> RawRow:
    return RawRow(number, values)


def test_an_empty_manifest_has_no_reports() -> None:
    assert run([]) == []


def test_the_second_row_with_an_id_fails_and_the_first_is_done() -> None:
    reports = run([row(1, uri="a", id="x"), row(2, uri="b", id="x"), row(3, uri="c", id="y")])
    found = {report.row: (report.outcome, report.code) for report in reports}
    assert found == {1: ("clean", None), 2: ("failed", "duplicate_id"), 3: ("clean", None)}


@given(
    ids=st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers(0, 5)), max_size=12),
    count=st.integers(1, 4),
)
def test_shards_do_each_row_of_any_manifest_once_and_repeated_ones_together(
    ids: list[object], count: int
) -> None:
    rows = [row(number, id=name, uri=f"{number % 3}.mp4") for number, name in enumerate(ids, 1)]
    rows.append(RawRow(len(rows) + 1, None, "no JSON"))
    context = make_context(FakeStages({}))
    found: dict[int, VideoReport | VideoRun] = {}
    where: dict[str, int] = {}
    for number in range(1, count + 1):
        shard = Shard(number, count)
        own = list(of_shard(rows, shard))
        asked = list(requested(rows, policy_of, context, shard))
        assert len(asked) == len(own)
        for raw, video in zip(own, asked, strict=True):
            assert raw.number not in found
            found[raw.number] = video
            if isinstance(video, VideoRun):
                assert (
                    where.setdefault(parse_row(raw.number, raw.values or {}).key, number) == number
                )
    assert sorted(found) == [raw.number for raw in rows]
    whole = list(requested(rows, policy_of, context))
    assert [type(found[raw.number]) for raw in rows] == [type(video) for video in whole]


def test_a_row_that_is_repeated_in_every_column_is_done_as_any_other() -> None:
    reports = run([row(1, uri="a.mp4", shift="night"), row(2, uri="a.mp4", shift="night")])
    assert {(report.row, report.code) for report in reports} == {(1, None), (2, None)}
    assert {report.id for report in reports} == {default_id("a.mp4")}


@pytest.mark.parametrize("change", [{"uri": "b"}, {"policy": "missing"}, {"shift": "day"}])
def test_a_row_that_repeats_an_id_and_differs_otherwise_is_refused(change: dict[str, str]) -> None:
    first = {"uri": "a", "id": "x", "shift": "night"}
    rows = [row(1, **first), row(2, **(first | change)), row(3, **first)]
    reports = {report.row: report for report in run(rows)}
    assert {number: report.code for number, report in reports.items()} == {
        1: None,
        2: "duplicate_id",
        3: None,
    }
    assert "row 2: the id 'x'" in (reports[2].reason or "")


def test_an_unreadable_row_has_a_report_and_the_rows_after_it_are_done() -> None:
    reports = run([RawRow(1, None, "line 1 is no JSON"), row(2), row(3, uri=5), row(4, uri="a")])
    found = {report.row: (report.outcome, report.code) for report in reports}
    bad = ("failed", "bad_row")
    assert found == {1: bad, 2: bad, 3: bad, 4: ("clean", None)}
    assert "line 1 is no JSON" in (reports[0].reason or "")


def test_a_refused_row_keeps_its_extra_columns() -> None:
    (report,) = run([row(1, id="x", uri=None, shift="night", page=3, empty=None)])
    assert (report.code, report.extra) == ("bad_row", {"shift": "night", "page": "3"})


def test_each_row_is_done_by_its_own_policy() -> None:
    reports = run(
        [
            row(1, uri="a"),
            row(2, uri="b", policy="cats"),
            row(3, uri="c", policy="missing"),
        ]
    )
    found = {report.row: (report.policy, report.code) for report in reports}
    assert found == {1: ("dogs", None), 2: ("cats", "unknown_class"), 3: (None, "bad_policy")}


def test_rows_are_read_only_as_videos_end() -> None:
    n_read = 0
    n_ahead: list[int] = []

    def rows() -> Iterator[RawRow]:
        nonlocal n_read
        for number in range(1, 101):
            n_read += 1
            yield row(number, uri=f"film {number}")

    stages = FakeStages({f"film {number}": Film(n_pauses=number % 7) for number in range(101)})
    reports: list[VideoReport] = []

    def on_report(report: VideoReport) -> None:
        reports.append(report)
        n_ahead.append(n_read - len(reports))

    context = make_context(stages)
    asyncio.run(run_videos(requested(rows(), policy_of, context), Tally(), Hands(4), on_report))
    assert len(reports) == 100
    assert max(n_ahead) <= 4


def test_no_more_videos_than_allowed_are_in_hand_at_once() -> None:
    films = {f"film {number}": Film(n_pauses=5) for number in range(20)}
    stages = FakeStages(films)
    in_hand: set[str] = set()
    most = 0

    class Watching(Tally):
        def did_video(self, report: VideoReport) -> None:
            nonlocal most
            in_hand.update(uri for step, uri in stages.calls if step == "survey")
            ended = {done.uri for done in self.videos}
            most = max(most, len(in_hand - ended))
            super().did_video(report)

    run([row(n, uri=uri, id=uri) for n, uri in enumerate(films, start=1)], stages, 3, Watching())
    assert most == 3


_FAULTS = st.sampled_from(
    [
        MediaError("bad bytes"),
        FidelityError("not faithful"),
        NotFoundError("gone"),
        WorkerLostError("killed"),
        ZeroDivisionError("oops"),
    ]
)
_FILMS = st.builds(
    Film,
    n_frames=st.integers(1, 30),
    n_segments=st.just(1),
    dogs=st.frozensets(st.integers(0, 30), max_size=3),
    n_pauses=st.integers(0, 6),
    faults=st.dictionaries(
        st.sampled_from(["survey", "find", "detect", "render", "finish"]),
        st.lists(_FAULTS, min_size=1, max_size=4),
        max_size=2,
    ),
)
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "uri": st.sampled_from(["a", "b", "c", "", 7, None]),
        "id": st.sampled_from(["x", "y", "", None, "ä/../b"]),
        "policy": st.sampled_from(["cats", "missing", None]),
        "shift": st.text(max_size=3),
    },
)


@given(
    rows=st.lists(st.none() | _VALUES, max_size=12),
    films=st.dictionaries(st.sampled_from(["a", "b", "c", "x", "y"]), _FILMS),
    max_in_flight=st.integers(1, 5),
)
def test_every_row_has_exactly_one_report_whatever_happens_to_it(
    rows: list[dict[str, object] | None], films: dict[str, Film], max_in_flight: int
) -> None:
    raw = [
        RawRow(number, values, None if values is not None else "unreadable")
        for number, values in enumerate(rows, start=1)
    ]
    progress = Tally()
    reports = run(raw, FakeStages(films), max_in_flight, progress)
    assert Counter(report.row for report in reports) == Counter(range(1, len(rows) + 1))
    assert progress.videos == reports
    for report in reports:
        failed = report.outcome == "failed"
        assert failed == (report.code is not None) == (report.output_key is None)
        assert failed == (report.reason is not None)


class StallingStages(FakeStages):
    """Never gets past the second segment of anything."""

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        if task.segment.index:
            await asyncio.Event().wait()
        return await super().detect(source, task)


def test_when_a_segment_fails_the_others_are_dropped_at_once() -> None:
    film = Film(n_segments=6, faults={"detect": [MediaError("bad")]})
    reports: list[VideoReport] = []

    async def n_left() -> int:
        context = make_context(StallingStages({"a": film}))
        async with asyncio.timeout(10):
            await run_videos(
                requested([row(1, uri="a")], policy_of, context),
                context.progress,
                Hands(1),
                reports.append,
            )
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(n_left()) == 0
    assert [report.code for report in reports] == ["decode_error"]

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages, Film, make_context
from ledgers import begun, write_ledger

from fearrefactor.core.ledger import Stopped
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.errors import MediaError, StoppedError, StoreError
from fearrefactor.pipeline import claims
from fearrefactor.pipeline.claims import StoreClaims
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import list_parts
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource, Published, Seen
    from fearrefactor.storage.objects import ObjectStore

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))
DRIVER = "0001-aaaaaaaa"


class Shelf(FakeStages):
    """What it publishes is found by all that share ``results``; rows are called like their URIs."""

    def __init__(self, films: Mapping[str, Film], results: dict[str, Published]) -> None:
        super().__init__(films)
        self._results = results

    async def find(self, row_key: str, work_id: str) -> Published | None:
        """What was published, by whomever."""
        await super().find(row_key, work_id)
        return self._results.get(row_key)

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """There for all from now on."""
        published = await super().finish(seen, rendered, whole=whole)
        self._results[seen.row_key] = replace(published, reused=True)
        return published


class Stuck(FakeStages):
    """Looks at frames for ever."""

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Never."""
        self.calls.append(("stuck", source.uri))
        await asyncio.Event().wait()
        return await super().detect(source, task)


class Job:
    """A run over films by URI, whose claims are in ``store``."""

    def __init__(
        self,
        store: ObjectStore,
        stages: FakeStages,
        run_id: str = "night",
        driver: str = DRIVER,
        *,
        n_hands: int = 2,
    ) -> None:
        self.stages = stages
        self.hands = Hands(n_hands)
        self.reports: list[VideoReport] = []
        self.run = RunFolder(store, "", run_id)
        self._claims = StoreClaims(self.run, driver, self.hands)

    async def do(self, *uris: str, grace_s: float = 0) -> list[str | None]:
        """For each row, in order: its code, or ``reused``."""
        context = replace(make_context(self.stages), hands=self.hands, claims=self._claims)
        raw = [RawRow(n, {"uri": uri, "id": uri}) for n, uri in enumerate(uris, start=1)]
        videos = requested(raw, lambda _: DOGS, context)
        async with asyncio.timeout(30):
            await run_videos(videos, context.progress, self.hands, self.reports.append, grace_s)
        ends = {told.row: "reused" if told.reused else told.code for told in self.reports}
        return [ends[number] for number in range(1, len(uris) + 1)]


async def until(is_so: Callable[[], bool]) -> None:
    """Let others go on until something has happened."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - nobody tells when a file is there
            await asyncio.sleep(0.005)


def left(store: ObjectStore) -> list[str]:
    return [found.key for found in store.list("claims/")]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_FIRST_PAUSE_S", 0.02)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_two_jobs_over_the_same_films_do_each_once_and_both_do_some(store: FolderStore) -> None:
    uris = [f"film-{number}" for number in range(12)]
    films = {uri: Film(n_pauses=40) for uri in uris}
    results: dict[str, Published] = {}
    jobs = [Job(store, Shelf(films, results), run_id) for run_id in ("night", "day")]

    async def both() -> list[list[str | None]]:
        return list(await asyncio.gather(*(job.do(*uris) for job in jobs)))

    ends = asyncio.run(both())
    assert [{*of_row} for of_row in zip(*ends, strict=True)] == [{None, "reused"}] * len(uris)
    assert sum(job.stages.count("finish") for job in jobs) == len(uris)
    assert sum(job.stages.count("detect") for job in jobs) == 2 * len(uris)
    assert all(job.stages.count("finish") > 2 for job in jobs)
    assert left(store) == []


def test_a_row_that_stands_twice_waits_for_the_first_and_takes_its_result(
    store: FolderStore,
) -> None:
    stages = Shelf({"a": Film(n_pauses=30), "b": Film(n_pauses=3)}, {})
    ends = asyncio.run(Job(store, stages).do("a", "a", "a", "b"))
    assert ends == [None, "reused", "reused", None]
    assert stages.count("detect") == 4  # two segments each
    ended = [uri for name, uri in stages.calls if name == "finish"]
    assert ended == ["b", "a"]  # those that wait have left their place


def test_where_the_first_of_two_rows_fails_the_second_is_tried(store: FolderStore) -> None:
    stages = Shelf({"a": Film(n_pauses=5, faults={"detect": [MediaError("bad")]})}, {})
    assert asyncio.run(Job(store, stages).do("a", "a")) == ["decode_error", None]
    assert left(store) == []


def test_the_same_command_again_takes_over_at_once_what_its_dead_driver_held(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_FIRST_PAUSE_S", 1000)
    work = claim_of(store, "night", DRIVER)
    job = Job(store, Shelf({}, {}), driver="0002-bbbbbbbb")
    assert asyncio.run(job.do("a")) == [None]
    assert left(store) == []
    assert work.startswith("claims/a.")


def test_what_a_run_held_that_has_stopped_is_taken_over(store: FolderStore) -> None:
    run = RunFolder(store, "", "day")
    write_ledger(run, begun("day"), Stopped(time_s=0, reason="SIGTERM"))
    [part] = list_parts(store, run.ledger_prefix)
    claim_of(store, "day", part.driver)
    assert asyncio.run(Job(store, Shelf({}, {})).do("a")) == [None]
    assert left(store) == []


def test_one_row_waits_for_a_driver_that_lives_and_the_others_go_on(store: FolderStore) -> None:
    held = claim_of(store, "day", DRIVER)
    results: dict[str, Published] = {}
    job = Job(store, Shelf({}, results), n_hands=1)

    async def until_it_is_released() -> list[str | None]:
        doing = asyncio.create_task(job.do("a", "b", "c"))
        await until(lambda: len(job.reports) == 2)
        assert [told.id for told in job.reports] == ["b", "c"]
        assert left(store) == [held]
        store.delete(held)
        return await doing

    assert asyncio.run(until_it_is_released()) == [None, None, None]
    assert job.stages.count("detect") == 6


def test_a_result_ends_the_wait_also_if_its_maker_keeps_the_claim(store: FolderStore) -> None:
    held = claim_of(store, "day", DRIVER)
    results: dict[str, Published] = {}
    job = Job(store, Shelf({}, results))

    async def until_it_is_published() -> list[str | None]:
        doing = asyncio.create_task(job.do("a"))
        await until(lambda: job.stages.count("find") > 0)
        other = Job(FolderStore(store.root / "elsewhere"), Shelf({}, results))
        await other.do("a")
        return await doing

    assert asyncio.run(until_it_is_published()) == ["reused"]
    assert job.stages.count("detect") == 0
    assert left(store) == [held]


def test_a_run_that_is_told_to_stop_does_not_wait_for_rows_that_wait_for_others(
    store: FolderStore,
) -> None:
    held = claim_of(store, "day", DRIVER)
    job = Job(store, Shelf({}, {}))

    async def stopped_in_the_wait() -> None:
        doing = asyncio.create_task(job.do("a", "b", grace_s=1000))
        await until(lambda: len(job.reports) == 1)
        job.hands.stop("SIGTERM")
        await doing

    with pytest.raises(StoppedError):
        asyncio.run(stopped_in_the_wait())
    assert [told.id for told in job.reports] == ["b"]
    assert left(store) == [held]


def test_a_run_that_is_stopped_keeps_no_claims(store: FolderStore) -> None:
    job = Job(store, Stuck({}))

    async def stopped() -> None:
        doing = asyncio.create_task(job.do("a"))
        await until(lambda: job.stages.count("stuck") > 0)
        job.hands.stop("SIGTERM")
        await doing

    with pytest.raises(StoppedError):
        asyncio.run(stopped())
    assert left(store) == []


class NoRoomForClaims(FolderStore):
    """Takes everything else."""

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        """As a folder, or not at all."""
        if key.startswith("claims/"):
            raise StoreError("s3:PutObject is not allowed", code="access_denied")
        super().create(key, source, metadata)


def test_where_the_store_takes_no_claims_all_is_done_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stages = Shelf({}, {})
    with caplog.at_level(logging.WARNING):
        ends = asyncio.run(Job(NoRoomForClaims(tmp_path), stages).do("a", "b", "a"))
    assert ends == [None, None, "reused"]
    assert [record.getMessage() for record in caplog.records] == [
        "other jobs may do what this one does: claims fail: s3:PutObject is not allowed"
    ]


def claim_of(store: FolderStore, run_id: str, driver: str) -> str:
    """A claim that a driver has left on the film ``a``; answers its key."""

    async def held() -> str:
        job = Job(store, Stuck({}), run_id, driver)
        doing = asyncio.create_task(job.do("a"))
        await until(lambda: job.stages.count("stuck") > 0)
        [key] = left(store)
        with store.open(key) as reader:
            told = reader.read()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        store.create(key, told, {})
        return key

    return asyncio.run(held())

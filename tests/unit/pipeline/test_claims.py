from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from claiming import DRIVER, Job, Polite, Shelf, Slow, Stuck, claim_of, left, until
from fake_stages import Film
from ledgers import begun, write_ledger

from fearrefactor.core.ledger import Stopped
from fearrefactor.errors import MediaError, StoppedError, StoreError
from fearrefactor.pipeline import claims
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import list_parts
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fearrefactor.pipeline.job import Published


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
    assert all(job.stages.count("finish") > 0 for job in jobs)
    assert left(store) == []


def test_a_row_that_stands_twice_waits_for_the_first_and_takes_its_result(
    store: FolderStore,
) -> None:
    stages = Polite({}, {})  # b can begin only if those that wait have left their place
    ends = asyncio.run(Job(store, stages).do("a", "a", "a", "b"))
    assert ends == [None, "reused", "reused", None]
    assert stages.count("detect") == 4  # two segments each
    assert [uri for name, uri in stages.calls if name == "finish"] == ["b", "a"]


def test_where_the_first_of_two_rows_fails_the_second_is_tried(store: FolderStore) -> None:
    stages = Shelf({"a": Film(n_pauses=5, faults={"detect": [MediaError("bad")]})}, {})
    assert asyncio.run(Job(store, stages).do("a", "a")) == ["decode_error", None]
    assert left(store) == []


def test_the_same_command_again_takes_over_at_once_what_its_dead_driver_held(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_FIRST_PAUSE_S", 1000)
    run = RunFolder(store, "", "night")
    write_ledger(run, begun())
    [part] = list_parts(store, run.ledger_prefix)
    claim_of(store, "night", part.driver)
    job = Job(store, Shelf({}, {}), driver="0002-bbbbbbbb")
    assert asyncio.run(job.do("a")) == [None]
    assert left(store) == []


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


def test_a_row_that_begins_to_wait_when_the_run_is_stopping_is_not_waited_for(
    store: FolderStore,
) -> None:
    claim_of(store, "day", DRIVER)
    stages = Slow({})
    job = Job(store, stages)

    async def stopped_before_the_wait() -> None:
        doing = asyncio.create_task(job.do("a", grace_s=1000))
        await until(lambda: stages.count("asked") > 0)
        job.hands.stop("SIGTERM")
        await asyncio.sleep(0.02)
        stages.is_time = True
        await doing

    with pytest.raises(StoppedError):
        asyncio.run(stopped_before_the_wait())
    assert job.reports == []


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


class Forgetful(Shelf):
    """Finds nothing, and then says that it cannot look."""

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """Of a row all ways of auditing are looked for at once."""
        if self.count("find") >= 1:
            raise StoreError("the store is dark")
        return await super().find(row_key, work_ids)


def test_a_row_that_fails_as_soon_as_it_has_its_claim_keeps_none(store: FolderStore) -> None:
    assert asyncio.run(Job(store, Forgetful({}, {})).do("a")) == ["store_error"]
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

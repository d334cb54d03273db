"""Jobs over scripted films that share a store, and see each other's claims and results."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fake_stages import FakeStages, make_context

from fearrefactor.core.policy import Policy, Rule
from fearrefactor.pipeline.claims import StoreClaims
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.storage.ledger import list_parts
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from fake_stages import Film

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.job import PinnedSource, Published, Seen, Survey
    from fearrefactor.storage.folder import FolderStore
    from fearrefactor.storage.objects import ObjectStore

DOGS = Policy(name="dogs", rules=(Rule(classes=("dog",)),))
DRIVER = "0001-aaaaaaaa"


class Shelf(FakeStages):
    """What it publishes is found by all that share ``results``; rows are called like their URIs."""

    def __init__(self, films: Mapping[str, Film], results: dict[str, Published]) -> None:
        super().__init__(films)
        self._results = results

    async def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What was published, by whomever."""
        await super().find(row_key, work_ids)
        there = self._results.get(row_key)
        return None if there is None else (work_ids[0], there)

    async def finish(self, seen: Seen, rendered: Sequence[Any], *, whole: bool) -> Published:
        """There for all from now on."""
        published = await super().finish(seen, rendered, whole=whole)
        self._results[seen.row_key] = replace(published, reused=True)
        return published


class Polite(Shelf):
    """Looks at the film ``a`` only when another one is done."""

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Later, perhaps."""
        await until(lambda: source.uri != "a" or self._results != {})
        return await super().detect(source, task)


class Stuck(FakeStages):
    """Looks at frames for ever."""

    async def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Never."""
        self.calls.append(("stuck", source.uri))
        await asyncio.Event().wait()
        return await super().detect(source, task)


class Slow(FakeStages):
    """Has not looked at a film's index before ``is_time``."""

    is_time = False

    async def survey(self, uri: str) -> Survey:
        """Later."""
        self.calls.append(("asked", uri))
        await until(lambda: self.is_time)
        return await super().survey(uri)


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
        parts = list_parts(store, self.run.ledger_prefix)
        self._claims = StoreClaims(self.run, driver, parts, self.hands)

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
    """Keys of the claims that are there."""
    return [found.key for found in store.list("claims/")]


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

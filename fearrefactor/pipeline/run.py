"""All rows of a manifest: streamed in, a bounded number in flight, a report for each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from fearrefactor.core.manifest import Row, default_id, parse_row
from fearrefactor.core.repeats import SeenRows
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.core.shard import WHOLE
from fearrefactor.errors import FearRefactorError, ManifestError, StoppedError
from fearrefactor.pipeline.video import VideoRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fearrefactor.core.policy import Policy
    from fearrefactor.core.shard import Shard
    from fearrefactor.pipeline.hands import Hands
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.pipeline.stages import RunContext
    from fearrefactor.storage.manifest_file import RawRow


class RowWork(Protocol):
    """What is to be done for one row."""

    async def run(self) -> VideoReport:
        """Do it; every way to fail ends in a report too."""
        ...


async def run_videos(
    videos: Iterable[RowWork | VideoReport],
    progress: Progress,
    hands: Hands,
    on_report: Callable[[VideoReport], None],
    grace_s: float = 0.0,
) -> None:
    """Do every video; ``on_report`` is called once for each, in the order in which they end.

    A video of which there is a report has ended already. Videos are asked for only as others end:
    a manifest of any length takes the same memory. When ``hands`` are told to stop, those in hand
    have ``grace_s`` seconds to end.

    Raises:
        StoppedError: this driver was told to stop before all videos had ended.
    """
    in_hand = _InHand(hands, progress, on_report)
    is_exhausted = False
    try:
        for video in videos:
            if isinstance(video, VideoReport):
                in_hand.end(video)
            else:
                await in_hand.take(video)
            if hands.stopping is not None:
                break
        else:
            is_exhausted = True
        while in_hand.tasks and hands.stopping is None:
            await in_hand.change()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while in_hand.working:
                    await in_hand.change()
        await asyncio.sleep(0)  # what ended at the last moment says so in the loop's next turn
        in_hand.end_some()
        if in_hand.tasks or not is_exhausted:
            raise StoppedError(str(hands.stopping))
    finally:
        await in_hand.abandon()


class _InHand:
    """The videos that are under way."""

    def __init__(
        self, hands: Hands, progress: Progress, on_report: Callable[[VideoReport], None]
    ) -> None:
        self.tasks: set[asyncio.Task[VideoReport]] = set()
        self._ended: list[asyncio.Task[VideoReport]] = []  # thousands may be in hand: none is asked
        self._hands = hands
        self._progress = progress
        self._on_report = on_report

    @property
    def working(self) -> set[asyncio.Task[VideoReport]]:
        """Those that do not wait for somebody else."""
        return {task for task in self.tasks if not self._hands.is_aside(task)}

    async def take(self, video: RowWork) -> None:
        """Begin with one, and wait until there is room for another."""
        task = asyncio.create_task(self._do(video))
        task.add_done_callback(self._has_ended)
        self.tasks.add(task)
        while not self._hands.has_room(len(self.tasks)) and self._hands.stopping is None:
            await self.change()

    async def _do(self, video: RowWork) -> VideoReport:
        async with self._hands.place():
            return await video.run()

    async def change(self) -> None:
        """Wait until something has changed, and tell of those that have ended."""
        await self._hands.change()
        self.end_some()

    def end_some(self) -> None:
        """Tell of those that have ended."""
        ended, self._ended = self._ended, []
        for task in ended:
            self.tasks.remove(task)
            self.end(task.result())

    def _has_ended(self, task: asyncio.Task[VideoReport]) -> None:
        self._ended.append(task)
        self._hands.wake()

    def end(self, report: VideoReport) -> None:
        """Tell of one that has ended."""
        self._on_report(report)
        self._progress.did_video(report)

    async def abandon(self) -> None:
        """Those that are still under way are no longer wanted."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def requested(
    rows: Iterable[RawRow],
    policy_of: Callable[[Row], Policy],
    context: RunContext,
    shard: Shard = WHOLE,
) -> Iterator[VideoRun | VideoReport]:
    """The videos that a manifest names; a row takes sixteen bytes, by which it is known again.

    Rows of other shards are passed over: neither done, nor reported, nor kept.

    A row that is repeated in all columns is done as any other: its result will be there. Two rows
    that share an id and nothing else cannot both be done.
    """
    seen = SeenRows()
    n_rows = n_others = 0
    for raw in rows:
        if not _is_of(shard, raw):
            context.journal.passed(raw.number)
            n_others += 1
            continue
        n_rows += 1
        try:
            row = _row(raw, seen)
        except ManifestError as error:
            yield _refused(raw, error)
            continue
        ended = context.journal.taken(row)
        if ended is not None:
            yield ended
            continue
        try:
            policy = policy_of(row)
        except FearRefactorError as error:
            yield _refused(raw, error)
        else:
            yield VideoRun(row, policy, context)
    context.journal.all_taken(n_rows, n_others)


def of_shard(rows: Iterable[RawRow], shard: Shard) -> Iterator[RawRow]:
    """The rows that ``requested`` does for a shard."""
    return (raw for raw in rows if _is_of(shard, raw))


def _is_of(shard: Shard, raw: RawRow) -> bool:
    """By the key of the row; one that cannot be read has only its number."""
    if shard == WHOLE:
        return True
    try:
        return shard.holds(parse_row(raw.number, raw.values or {}).key)
    except ManifestError:
        return shard.holds(f"row {raw.number}")


def rendered_again(
    reports: Iterable[VideoReport], policy: Policy, context: RunContext
) -> Iterator[VideoRun | VideoReport]:
    """The videos of an earlier run, from what it saw: other content than then is refused."""
    n_rows = last_row = 0
    for told in reports:
        n_rows, last_row = n_rows + 1, max(last_row, told.row)
        if told.detections_key is None:
            yield VideoReport(
                row=told.row,
                id=told.id,
                uri=told.uri,
                outcome="failed",
                code="no_detections",
                reason=f"the earlier run has logged none: it ended as {told.code or told.outcome}",
                extra=told.extra,
            )
        else:
            row = row_again(told)
            yield context.journal.taken(row) or VideoRun(row, policy, context)
    context.journal.all_taken(n_rows, last_row - n_rows)  # others, if that run was of a shard


def row_again(told: VideoReport) -> Row:
    """The row of an earlier run's report, with the content that it had then."""
    return Row(told.row, told.id, told.uri, extra=told.extra, sha256=told.input_sha256)


def _row(raw: RawRow, seen: SeenRows) -> Row:
    if raw.values is None:
        raise ManifestError(f"row {raw.number} cannot be read: {raw.error}")
    row = parse_row(raw.number, raw.values)
    if any("\ud800" <= char <= "\udfff" for char in f"{row.id}{row.uri}"):
        raise ManifestError(
            f"row {raw.number}: {printable(row.uri)} is no Unicode text, which logs could hold; "
            "give the file another name"
        )
    if not seen.admits(row):
        raise ManifestError(
            f"row {raw.number}: the id {row.id!r} stands in an earlier row that says something "
            "else; ids must differ",
            code="duplicate_id",
        )
    return row


def _refused(raw: RawRow, error: FearRefactorError) -> VideoReport:
    told = raw.values or {}
    uri = str(told.get("uri") or "")
    return VideoReport(
        row=raw.number,
        id=printable(str(told.get("id") or (default_id(uri) if uri else ""))),
        uri=printable(uri),
        outcome="failed",
        code=error.code,
        reason=printable(str(error)),
        extra={
            str(name): str(value)
            for name, value in told.items()
            if name not in {"uri", "id", "policy"} and value is not None
        },
    )

"""What a person has decided about videos for review is done: published, masked more, or rejected.

The object under ``review/`` stays where it is, whatever was decided: objects are never changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from fearrefactor.core.identity import video_key
from fearrefactor.core.report import VideoReport, printable
from fearrefactor.errors import AlreadyExistsError, FearRefactorError, FidelityError, StoreError
from fearrefactor.pipeline.disk import explained_disk, wait_for_room
from fearrefactor.pipeline.job import Kept
from fearrefactor.pipeline.logs import EarlierPlan
from fearrefactor.pipeline.publish import APPROVED_BY, in_ascii
from fearrefactor.pipeline.run import row_again
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.stopwatch import Stopwatch
from fearrefactor.pipeline.video import VideoRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fearrefactor.pipeline.job import Published
    from fearrefactor.pipeline.moderation import Moderated
    from fearrefactor.pipeline.publish import Output
    from fearrefactor.pipeline.run import RowWork
    from fearrefactor.pipeline.stages import RunContext

_PIECE_BYTES = 1 << 22
#: Metadata of S3 is small.
_NAME_LIMIT = 200
_log = logging.getLogger(__name__)


def moderated_videos(
    videos: Sequence[Moderated], output: Output, context: RunContext
) -> Iterator[RowWork | VideoReport]:
    """The work of each video, in the order of their rows."""
    for video in videos:
        row = row_again(video.told)
        ended = context.journal.taken(row)
        context.journal.ruled(video.policy.digest(), video.policy)
        if ended is not None:
            yield ended
        elif video.decision.decision == "approve":
            context.journal.named(row.number, row.key, str(video.told.work_id))
            yield Approval(video, row.key, output)
        elif video.decision.decision == "mask_more":
            earlier = None if _keeps(video) else _plan_of(video.told, output)
            yield _Noted(VideoRun(row, video.policy, context, earlier), video.words)
        else:
            yield _failed(video.told, "rejected", video.words)
    n_rows, last_row = len(videos), max(video.told.row for video in videos)
    context.journal.all_taken(n_rows, last_row - n_rows)


class Approval:
    """A result that a person has approved becomes one like any other, byte for byte."""

    def __init__(self, video: Moderated, row_key: str, output: Output) -> None:
        self._video = video
        self._row_key = row_key
        self._output = output

    async def run(self) -> VideoReport:
        """Publish it; every way to fail ends in a report too."""
        told, watch = self._video.told, Stopwatch()
        try:
            with watch.stage("publish"):
                published = await asyncio.to_thread(self._publish)
        except FearRefactorError as error:
            return _failed(told, error.code, str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: one row, with its reason
            _log.exception("%s cannot be approved for an unknown reason", printable(told.id))
            return _failed(told, "internal", f"{type(error).__name__}: {error}")
        notes = [*told.notes, self._video.words]
        said = _UNDONE | published.reported() | {"seconds": watch.seconds(), "notes": notes}
        return told.model_copy(update=said)

    def _publish(self) -> Published:
        """Copy it beside, unless that was done before.

        Raises:
            FidelityError: it is not the file that was looked at.
            StoreError: the store does not take it.
        """
        store, told = self._output.store, self._video.told
        key = str(told.output_key)
        found = store.stat(key)
        suffix = PurePosixPath(key).suffix
        place = self._output.prefix + video_key(self._row_key, str(told.work_id), suffix)
        there = self._approved(place)
        if there is not None:
            return there
        with scratch_folder("approve") as folder, explained_disk(folder):
            wait_for_room(folder, found.size_bytes)
            path = folder / f"result{suffix}"
            self._copy(key, path)
            is_new = True
            try:
                store.create(place, path, self._metadata(found.metadata))
            except AlreadyExistsError:  # perhaps by somebody who does the same
                is_new = False
        there = self._approved(place)
        if there is None:
            raise StoreError(f"{store.uri(place)} is there and is not this video; move it away")
        return replace(there, reused=not is_new)

    def _approved(self, place: str) -> Published | None:
        told = self._video.told
        there = self._output.find(self._row_key, str(told.work_id))
        if there is None or there.output_key != place:
            return None
        return there if there.output_sha256 == told.output_sha256 else None

    def _copy(self, key: str, path: Path) -> None:
        digest = hashlib.sha256()
        with self._output.store.open(key) as reader, path.open("wb") as file:
            while piece := reader.read(_PIECE_BYTES):
                digest.update(piece)
                file.write(piece)
        expected = self._video.told.output_sha256
        if digest.hexdigest() != expected:
            raise FidelityError(
                f"{self._output.store.uri(key)} is not the file that was looked at: expected the "
                f"sha256 {expected}, got {digest.hexdigest()}; mask it anew"
            )

    def _metadata(self, of_review: Mapping[str, str]) -> dict[str, str]:
        """Its own, but for why a person was to look."""
        columns = self._video.told.extra
        kept = {name: of_review[name] for name in of_review if name not in {"attempt", "reason"}}
        return kept | {
            "outcome": "masked",
            APPROVED_BY: in_ascii(columns["review_by"], _NAME_LIMIT),
            "approved-at": columns["review_at"],
        }


class _Noted:
    """The work of a row, whose report also says this."""

    def __init__(self, work: RowWork, note: str) -> None:
        self._work = work
        self._note = note

    async def run(self) -> VideoReport:
        """See ``RowWork``."""
        report = await self._work.run()
        return report.model_copy(update={"notes": [*report.notes, self._note]})


#: Of an earlier report, what is not so of a row for which nothing was computed.
_UNDONE: dict[str, Any] = {
    "reused": False,
    "detections_reused": False,
    "n_model_frames": 0,
    "n_audited_frames": 0,
    "n_leaks": 0,
    "n_rendered_frames": None,
    "seconds": {},
    "ended_at": None,
}


def _failed(told: VideoReport, code: str, reason: str) -> VideoReport:
    """Nothing of it is published."""
    said = {"outcome": "failed", "code": code, "reason": printable(reason)}
    nothing = {"output_key": None, "output_sha256": None, "output_bytes": None}
    return told.model_copy(update=_UNDONE | nothing | {"n_masked_frames": None} | said)


def _keeps(video: Moderated) -> bool:
    return video.decision.more is not None and bool(video.decision.more.keep)


def _plan_of(told: VideoReport, output: Output) -> EarlierPlan:
    """What the result masks that was looked at."""
    key = str(told.plan_key).removeprefix(output.prefix)
    return EarlierPlan(output.logs, Kept(key, str(told.plan_sha256)))

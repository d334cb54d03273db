"""The small logs of a video in a run's output, read one by one: what is missing is only missing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from fearrefactor.core.identity import thumbnails_key
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.pipeline.logs import sha256_of
from fearrefactor.storage.detection_columns import read_scores
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.plan_columns import read_plan_columns
from fearrefactor.storage.thumbnail_log import read_thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.thumbnail import Thumbnail
    from fearrefactor.storage.objects import ObjectStore
    from fearrefactor.storage.plan_columns import PlanColumns

    _T = TypeVar("_T")

#: After so many answers that did not come nothing more is asked: each took a minute or so.
_PATIENCE: Final = 3
_PIECE_BYTES: Final = 1 << 22
_START_OF_JPEG: Final = b"\xff\xd8\xff"


class KeptLogs:
    """Plans, scores and pictures under ``prefix`` of a store; copies go to ``folder`` for a moment.

    Several threads may read at once. Each method raises StoreError (NotFoundError) with what is
    wrong with the log, or with the store.
    """

    def __init__(self, store: ObjectStore, prefix: str, folder: Path) -> None:
        self._store = store
        self._prefix = prefix
        self._folder = folder
        self._lock = threading.Lock()
        self._n_copies = self._n_silent = 0

    def plan(self, video: VideoReport) -> PlanColumns:
        """What is masked when in a video that has a ``plan_key``."""
        plan = self._read(video.plan_key or "", video.plan_sha256, read_plan_columns)
        _check(video, plan.video_id, plan.work_id, "plan")
        return plan

    def scores(self, video: VideoReport) -> dict[str, NDArray[np.float64]]:
        """How surely things were seen, by class, in a video that has a ``detections_key``."""
        return self._read(video.detections_key or "", video.detections_sha256, read_scores)

    def thumbnails(self, video: VideoReport) -> tuple[Thumbnail, ...]:
        """Small pictures of the result of a video that has a ``plan_key``, in order of time."""
        work_id = video.work_id or ""
        # A log that found its name taken has a part of its checksum in it.
        name = (video.plan_key or "").removeprefix(f"{self._prefix}plans/")
        row_key, _, _ = name.rpartition(f".{work_id[:8]}.")
        key = self._prefix + thumbnails_key(row_key, work_id)
        found, said = self._read(key, None, read_thumbnails)
        _check(video, said["video_id"], said["work_id"], "pictures")
        if not all(one.jpeg.startswith(_START_OF_JPEG) for one in found):
            raise StoreError("they are no JPEG")
        return tuple(sorted(found, key=lambda one: one.moment.frame))

    def _read(self, key: str, sha256: str | None, read: Callable[[Path], _T]) -> _T:
        if isinstance(self._store, FolderStore):
            self._store.stat(key)  # a key that leads out of the folder is refused
            return _parsed(self._store.root / key, sha256, read)
        with self._lock:
            self._n_copies += 1
            path = self._folder / f"log-{self._n_copies}.parquet"
        try:
            self._copy(key, path)
            return _parsed(path, sha256, read)
        finally:
            path.unlink(missing_ok=True)

    def _copy(self, key: str, path: Path) -> None:
        if self._n_silent >= _PATIENCE:
            raise StoreError(f"the store failed {_PATIENCE} times and was not asked any more")
        try:
            with self._store.open(key) as reader, path.open("wb") as file:
                while piece := reader.read(_PIECE_BYTES):
                    file.write(piece)
        except NotFoundError:
            raise
        except StoreError:
            with self._lock:
                self._n_silent += 1
            raise


def _parsed(path: Path, sha256: str | None, read: Callable[[Path], _T]) -> _T:
    found = read(path)
    if sha256 is not None and sha256_of(path) != sha256:
        raise StoreError("its checksum is not the one that the run noted")
    return found


def _check(video: VideoReport, video_id: str, work_id: str, what: str) -> None:
    if (video_id, work_id) != (video.id, video.work_id):
        raise StoreError(f"these are the {what} of another video or work")

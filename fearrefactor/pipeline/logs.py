"""The logs of videos in a store: kept once, found again, and read only if they are whole.

A log that stands at its key and is not the one that belongs there (damaged, or made from another
cut) is neither changed nor named by any result: ours goes beside it, under a name that holds its
checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fearrefactor.core.identity import detections_key, frames_key
from fearrefactor.errors import AlreadyExistsError, NotFoundError, StoreError
from fearrefactor.pipeline.disk import explained_disk
from fearrefactor.pipeline.job import Kept, Logged
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.detection_log import read_detections, read_model, write_detections
from fearrefactor.storage.frame_log import read_frames, write_frames
from fearrefactor.storage.plan_log import read_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.pipeline.job import Seen
    from fearrefactor.storage.objects import ObjectStat, ObjectStore

_PIECE_BYTES = 1 << 22


@dataclass(frozen=True)
class Logs:
    """The logs under a prefix of a store. Their metadata tell checksum and id of each."""

    store: ObjectStore
    prefix: str

    def keep(self, key: str, path: Path, told: Mapping[str, str]) -> Kept:
        """Write a log; one that is there already with the same content is kept as it is.

        Raises:
            StoreError: the store does not take it.
        """
        sha256 = sha256_of(path)
        place = PurePosixPath(key)
        for name in (key, str(place.with_name(f"{place.stem}.{sha256[:8]}{place.suffix}"))):
            try:
                self.store.create(self.prefix + name, path, {**told, "sha256": sha256})
            except AlreadyExistsError:
                if not self._holds(self.prefix + name, {**told, "sha256": sha256}):
                    continue
            return Kept(name, sha256)
        raise StoreError(
            f"{self.store.uri(self.prefix + name)} is there and is damaged; move it away"
        )

    def keep_detections(self, seen: Seen, folder: Path) -> Kept:
        """Write what was seen: first the frames, then the detections, which name them."""
        index = seen.survey.index
        path = folder / "frames.parquet"
        write_frames(
            path,
            seen.detections.sketch,
            seen.detections.checksum,
            video_id=seen.video_id,
            index=index,
            detect_id=seen.detect_id,
        )
        told = {"detect-id": seen.detect_id}
        frames = self.keep(frames_key(seen.row_key, seen.detect_id), path, told)
        path = folder / "detections.parquet"
        write_detections(
            path,
            seen.detections,
            video_id=seen.video_id,
            index=index,
            card=seen.card,
            detect_id=seen.detect_id,
            detect_settings=seen.detect_settings,
        )
        told |= {"frames-key": frames.key, "frames-sha256": frames.sha256}
        return self.keep(detections_key(seen.row_key, seen.detect_id), path, told)

    def detections(self, row_key: str, detect_id: str) -> Logged | None:
        """What an earlier run has logged under this id; None where nothing whole is there.

        Raises:
            StoreError: the store cannot be read.
        """
        beside = self.prefix + detections_key(row_key, detect_id).removesuffix("parquet")
        for listed in self.store.list(beside):
            found = self.store.stat(listed.key)
            if found.metadata.get("detect-id") == detect_id:
                logged = self._read(found, detect_id)
                if logged is not None:
                    return logged
        return None

    def model(self, key: str) -> tuple[ModelCard, str] | None:
        """The model behind the detections at a whole key, and the settings it looked with.

        None where there is nothing, or nothing whole.
        """
        try:
            found = self.store.stat(key)
        except NotFoundError:
            return None
        with self._whole(found, found.metadata.get("sha256", "")) as path:
            if path is None:
                return None
            try:
                return read_model(path)
            except StoreError:  # of an earlier format
                return None

    def plan(self, kept: Kept) -> MaskPlan:
        """What a result masks.

        Raises:
            NotFoundError: the log is gone.
            StoreError: it is damaged, or cannot be read.
        """
        found = self.store.stat(self.prefix + kept.key)
        with self._whole(found, kept.sha256) as path:
            if path is None:
                raise StoreError(
                    f"{self.store.uri(found.key)} is damaged: its sha256 is not {kept.sha256}; "
                    "mask the video anew"
                )
            return read_plan(path)[0]

    def _read(self, found: ObjectStat, detect_id: str) -> Logged | None:
        told = found.metadata
        try:
            frames = self.store.stat(self.prefix + told["frames-key"])
        except (KeyError, NotFoundError):
            return None
        with (
            self._whole(found, told.get("sha256", "")) as path,
            self._whole(frames, told.get("frames-sha256", "")) as frames_path,
        ):
            if path is None or frames_path is None:
                return None
            try:
                sketch, checksum, pts, _ = read_frames(frames_path)
                detections, said = read_detections(path, sketch, checksum)
            except StoreError:  # whole, but not what this program writes
                return None
        if said["detect_id"] != detect_id:
            return None
        return Logged(detections, pts, Kept(found.key.removeprefix(self.prefix), told["sha256"]))

    def _holds(self, key: str, told: Mapping[str, str]) -> bool:
        """Whether the object there is described, and has the content, as ``told``."""
        found = self.store.stat(key)
        if any(found.metadata.get(name) != value for name, value in told.items()):
            return False
        with self._whole(found, told["sha256"]) as path:
            return path is not None

    @contextlib.contextmanager
    def _whole(self, found: ObjectStat, sha256: str) -> Iterator[Path | None]:
        """A copy of an object as a file; None if its content is not what it should be."""
        with scratch_folder("log") as folder:
            path = folder / "log.parquet"
            digest = hashlib.sha256()
            with (
                explained_disk(folder),
                self.store.open(found.key, found) as reader,
                path.open("wb") as copy,
            ):
                while piece := reader.read(_PIECE_BYTES):
                    digest.update(piece)
                    copy.write(piece)
            yield path if digest.hexdigest() == sha256 else None


@dataclass(frozen=True)
class EarlierPlan:
    """What another result of the same content masks."""

    logs: Logs
    kept: Kept

    def read(self) -> MaskPlan:
        """See ``Logs.plan``."""
        return self.logs.plan(self.kept)


def sha256_of(path: Path) -> str:
    """Sha256 of a file in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

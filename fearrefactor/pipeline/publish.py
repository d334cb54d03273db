"""Putting a verified result where it belongs, once; and finding one that is already there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from fearrefactor.core.identity import detections_key, video_key
from fearrefactor.errors import AlreadyExistsError, NotFoundError, StoreError
from fearrefactor.pipeline.job import Published
from fearrefactor.storage.detection_log import write_detections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fearrefactor.core.report import Outcome
    from fearrefactor.pipeline.job import Seen
    from fearrefactor.storage.objects import ObjectStore


@dataclass(frozen=True)
class Output:
    """The store and prefix under which a run writes."""

    store: ObjectStore
    prefix: str

    def find(self, row_key: str, detect_id: str, work_id: str) -> Published | None:
        """The result of the same work, if an earlier run published it and all of it is there."""
        for listed in self.store.list(self.prefix + video_key(row_key, work_id, ".")):
            found = self.store.stat(listed.key)
            if found.metadata.get("work-id") == work_id:
                logged = self.prefix + detections_key(row_key, detect_id)
                try:
                    self._sha256_of_log(logged, detect_id)
                except NotFoundError:
                    return None
                return self._reused(found.key, found.size_bytes, logged, found.metadata)
        return None

    def publish(self, seen: Seen, result: Path) -> Published:
        """Upload the detections, then the video, both create-only: the video is the commit point.

        Raises:
            StoreError: the store does not take them.
        """
        log = result.with_name("detections.parquet")
        write_detections(
            log,
            seen.detections,
            video_id=seen.video_id,
            index=seen.survey.index,
            card=seen.card,
            detect_id=seen.detect_id,
        )
        log_key = self.prefix + detections_key(seen.row_key, seen.detect_id)
        log_sha256 = sha256_of(log)
        try:
            self.store.create(log_key, log, {"detect-id": seen.detect_id, "sha256": log_sha256})
        except AlreadyExistsError:  # the same id is the same answer: another policy, same video
            log_sha256 = self._sha256_of_log(log_key, seen.detect_id)
        told = {
            "work-id": seen.work_id,
            "source-sha256": seen.survey.sha256,
            "sha256": sha256_of(result),
            "detections-sha256": log_sha256,
            "outcome": seen.outcome,
            "frames": str(seen.survey.index.n_frames),
            "masked-frames": str(seen.n_masked_frames),
            "detections": str(len(seen.detections)),
        }
        key = self.prefix + video_key(seen.row_key, seen.work_id, result.suffix)
        try:
            self.store.create(key, result, told)
        except AlreadyExistsError as error:
            there = self.find(seen.row_key, seen.detect_id, seen.work_id)
            if there is None:
                raise StoreError(
                    f"{self.store.uri(key)} is there and is not this video; move it away"
                ) from error
            return there
        return Published(
            output_key=key,
            output_sha256=told["sha256"],
            output_bytes=result.stat().st_size,
            detections_key=log_key,
            detections_sha256=log_sha256,
            outcome=seen.outcome,
            n_frames=seen.survey.index.n_frames,
            n_masked_frames=seen.n_masked_frames,
            n_detections=len(seen.detections),
            reused=False,
            seconds={},
        )

    def _sha256_of_log(self, key: str, detect_id: str) -> str:
        """As its writer told it.

        Raises:
            NotFoundError: there is none.
            StoreError: what is there are not these detections.
        """
        told = self.store.stat(key).metadata
        if told.get("detect-id") != detect_id or "sha256" not in told:
            raise StoreError(
                f"{self.store.uri(key)} is there and holds other detections; move it away"
            )
        return told["sha256"]

    def _reused(
        self, key: str, size_bytes: int, log_key: str, told: Mapping[str, str]
    ) -> Published | None:
        try:
            return Published(
                output_key=key,
                output_sha256=told["sha256"],
                output_bytes=size_bytes,
                detections_key=log_key,
                detections_sha256=told["detections-sha256"],
                outcome=cast("Outcome", told["outcome"]),
                n_frames=int(told["frames"]),
                n_masked_frames=int(told["masked-frames"]),
                n_detections=int(told["detections"]),
                reused=True,
                seconds={},
            )
        except (KeyError, ValueError):  # not written by us: do the work, and fail on the key
            return None


def sha256_of(path: Path) -> str:
    """Sha256 of a file in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Putting a verified result where it belongs, once; and finding one that is already there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from fearrefactor.core.identity import plan_key, thumbnails_key, video_key
from fearrefactor.core.report import printable
from fearrefactor.errors import AlreadyExistsError, FidelityError, NotFoundError, StoreError
from fearrefactor.pipeline.job import Published
from fearrefactor.pipeline.logs import Logs, sha256_of
from fearrefactor.storage.plan_log import write_plan
from fearrefactor.storage.thumbnail_log import write_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.report import Outcome
    from fearrefactor.media.verify import Verified
    from fearrefactor.pipeline.job import Kept, Seen
    from fearrefactor.storage.objects import ObjectStat, ObjectStore

#: Metadata of S3 is ASCII and small, and the checksums need most of it.
_REASON_LIMIT: Final = 400
#: In the metadata of a result that was put beside one for review: who has looked at it.
APPROVED_BY: Final = "approved-by"


@dataclass(frozen=True)
class Output:
    """The store and prefix under which a run writes."""

    store: ObjectStore
    prefix: str

    @property
    def logs(self) -> Logs:
        """The logs beside the results."""
        return Logs(self.store, self.prefix)

    def find(self, row_key: str, work_id: str) -> Published | None:
        """The result of the same work, if an earlier run published it and all of it is there.

        One that a person was to look at comes first, since it was put there for a reason, unless a
        person has looked, and approved it.
        """
        review = self._stat(row_key, work_id, "review")
        masked = self._stat(row_key, work_id, "masked")
        if review is not None and (masked is None or APPROVED_BY not in masked.metadata):
            return self._reused(review)
        return None if masked is None else self._reused(masked)

    def is_made_from(self, row_key: str, log: Kept) -> bool:
        """Whether any result of the row, by whatever policy, was made from this log."""
        for outcome in ("review", "masked"):
            place = video_key(row_key, "", "", outcome)
            for listed in self.store.list(self.prefix + place):
                told = self.store.stat(listed.key).metadata
                if told.get("detections-sha256") == log.sha256:
                    return True
        return False

    def publish(self, seen: Seen, verified: Verified) -> Published:
        """Upload logs, plan and thumbnails, then the video: that is the commit point.

        All of it is create-only.

        Raises:
            FidelityError: the file is not the one that was verified.
            StoreError: the store does not take them.
        """
        result, sha256 = verified.path, sha256_of(verified.path)
        if sha256 != verified.sha256:
            raise FidelityError(
                f"expected the file that was verified, sha256 {verified.sha256[:12]}…, it has "
                f"{sha256[:12]}… now"
            )
        detections = seen.kept or self.logs.keep_detections(seen, result.parent)
        plan = self._keep_plan(seen, result.parent)
        if verified.thumbnails:
            self._keep_thumbnails(seen, verified)
        told = {
            "work-id": seen.work_id,
            "source-sha256": seen.survey.sha256,
            "sha256": sha256,
            "detections-key": detections.key,
            "detections-sha256": detections.sha256,
            "plan-key": plan.key,
            "plan-sha256": plan.sha256,
            "outcome": seen.outcome,
            "frames": str(seen.survey.index.n_frames),
            "masked-frames": str(seen.plan.n_masked_frames),
            "detections": str(len(seen.detections)),
        }
        if seen.reasons:
            told["reason"] = in_ascii("; ".join(seen.reasons), _REASON_LIMIT)
        place = video_key(seen.row_key, seen.work_id, result.suffix, seen.outcome)
        key = self.prefix + place
        try:
            self.store.create(key, result, told)
        except AlreadyExistsError as error:
            there = self.find(seen.row_key, seen.work_id)
            if there is None:
                raise StoreError(
                    f"{self.store.uri(key)} is there and is not this video; move it away"
                ) from error
            return there
        return Published(
            output_key=key,
            output_sha256=told["sha256"],
            output_bytes=result.stat().st_size,
            detections_key=self.prefix + detections.key,
            detections_sha256=detections.sha256,
            plan_key=self.prefix + plan.key,
            plan_sha256=plan.sha256,
            outcome=seen.outcome,
            reason=told.get("reason"),
            n_frames=seen.survey.index.n_frames,
            n_masked_frames=seen.plan.n_masked_frames,
            n_detections=len(seen.detections),
            reused=False,
            seconds={},
        )

    def _stat(self, row_key: str, work_id: str, outcome: Outcome) -> ObjectStat | None:
        """The result of a work in one of the two places, as far as it is there."""
        place = video_key(row_key, work_id, ".", outcome)
        for listed in self.store.list(self.prefix + place):
            found = self.store.stat(listed.key)
            if found.metadata.get("work-id") == work_id:
                return found
        return None

    def _keep_plan(self, seen: Seen, folder: Path) -> Kept:
        path = folder / "plan.parquet"
        write_plan(
            path,
            seen.plan,
            video_id=seen.video_id,
            index=seen.survey.index,
            card=seen.card,
            work_id=seen.work_id,
        )
        key = plan_key(seen.row_key, seen.work_id)
        return self.logs.keep(key, path, {"work-id": seen.work_id})

    def _keep_thumbnails(self, seen: Seen, verified: Verified) -> None:
        path = verified.path.parent / "thumbnails.parquet"
        ids = {"video_id": seen.video_id, "work_id": seen.work_id}
        write_thumbnails(path, verified.thumbnails, **ids)
        key = thumbnails_key(seen.row_key, seen.work_id)
        self.logs.keep(key, path, {"work-id": seen.work_id})

    def _reused(self, video: ObjectStat) -> Published | None:
        """As its writer told it; None if that is not all, or a log that it names is gone."""
        told = video.metadata
        try:
            for log in ("detections", "plan"):
                there = self.store.stat(self.prefix + told[f"{log}-key"])
                if there.metadata.get("sha256") != told[f"{log}-sha256"]:
                    return None
            return Published(
                output_key=video.key,
                output_sha256=told["sha256"],
                output_bytes=video.size_bytes,
                detections_key=self.prefix + told["detections-key"],
                detections_sha256=told["detections-sha256"],
                plan_key=self.prefix + told["plan-key"],
                plan_sha256=told["plan-sha256"],
                outcome=cast("Outcome", told["outcome"]),
                reason=told.get("reason"),
                n_frames=int(told["frames"]),
                n_masked_frames=int(told["masked-frames"]),
                n_detections=int(told["detections"]),
                reused=True,
                seconds={},
            )
        except (NotFoundError, KeyError, ValueError):  # do the work; what is there is not changed
            return None


def in_ascii(text: str, limit: int) -> str:
    """``text`` as metadata can hold it, in at most ``limit`` characters."""
    line = printable(text, limit).encode("ascii", "backslashreplace").decode()
    return line[:limit].strip()

"""An output as several nights have left it, made up: the logs of videos that never were.

Each night masks the same films and a few more. What is in them is drawn by lot, and counted here in
Python, so that questions in SQL can be held against it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from values import CARD, detections, video_index

from fearrefactor.core.identity import detections_key, frames_key, plan_key, thumbnails_key
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect, Policy
from fearrefactor.core.report import VideoReport
from fearrefactor.core.rle import encode
from fearrefactor.core.run_facts import RunFacts
from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.storage.detection_log import write_detections
from fearrefactor.storage.frame_log import write_frames
from fearrefactor.storage.plan_log import write_plan
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.thumbnail_log import write_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.detections import Detections
    from fearrefactor.storage.objects import ObjectStore

FIRST_NIGHT = date(2026, 11, 18)
N_FRAMES = 12
POLICY = Policy.model_validate(
    {"name": "street", "rules": [{"classes": ["person", "dog"], "effect": "fill"}]}
)
HOSTILE_ID = "\x1b[31mred\x1b[0m\n'; drop table videos; --"
_BITS = np.ones((1, 6, 10), np.uint8)
_FAILURES = (("truncated", "the file ends early"), ("limit_pixels", "12000 × 12000 pixels"))


@dataclass
class Nights:
    """Runs under ``prefix`` of a store, and all that is in their logs."""

    store: ObjectStore
    prefix: str
    scratch: Path
    reports: dict[str, list[VideoReport]] = field(default_factory=dict)
    plans: dict[str, MaskPlan] = field(default_factory=dict)
    nights: dict[str, date] = field(default_factory=dict)

    def add(self, n_videos: int = 6) -> str:
        """One more night, the day after the last one; answers the run's id."""
        number = len(self.reports)
        lot = random.Random(number)
        began = datetime.combine(FIRST_NIGHT, datetime.min.time(), UTC) + timedelta(
            days=number, hours=22
        )
        run_id = f"nightly-{number}"
        self.nights[run_id] = began.date()
        rows = [self._row(row, number, began, lot) for row in range(1, n_videos + 1)]
        self.reports[run_id] = rows
        facts = RunFacts(
            run_id=run_id,
            began_at=began,
            ended_at=rows[-1].ended_at,
            model=CARD.name,
            model_sha256=CARD.sha256,
            policies={POLICY.digest(): POLICY},
            settings={"audit": "sampled"},
        )
        path = self.scratch / "videos.parquet"
        with ReportWriter(path) as reports:
            for row in rows:
                reports.write(row.model_dump())
            reports.tell(facts)
        RunFolder(self.store, self.prefix, run_id).keep_report(path)
        return run_id

    def _row(self, row: int, number: int, began: datetime, lot: random.Random) -> VideoReport:
        told: Any = {
            "row": row,
            "id": HOSTILE_ID if row == 2 else f"clip-{number}-{row}",
            "uri": f"s3://uploads/{number}/{row}.mp4",
            "ended_at": began + timedelta(minutes=row),
            "seconds": {"index": 0.5, "detect": lot.randint(1, 900) / 4},
            "extra": {"team": lot.choice(["blue", "green"])},
        }
        if row % 3 == 0:
            code, reason = lot.choice(_FAILURES)
            return VideoReport(**told, outcome="failed", code=code, reason=reason)
        return VideoReport(**told, **self._result(f"row{number}-{row}", row, lot))

    def _result(self, row_key: str, row: int, lot: random.Random) -> dict[str, Any]:
        """Logs of a result, stored, and what its report says of them."""
        detect, work = f"{lot.getrandbits(32):08x}", f"{lot.getrandbits(32):08x}"
        is_clean = row % 5 == 0
        drawn = [
            (lot.randrange(N_FRAMES), lot.randrange(3), lot.random())
            for _ in range(0 if is_clean else lot.randint(3, 30))
        ]
        box = (0.0, 0.0, 9.0, 9.0)
        seen = [(*one, box, _BITS[0]) for one in sorted(drawn)]
        regions: dict[int, list[Region]] = {}
        for frame, class_id, score, *_ in seen:
            if class_id < 2:
                region = Region(
                    Effect(), encode(_BITS)[0], 9.0, track=class_id, class_id=class_id, score=score
                )
                regions.setdefault(frame, []).append(region)
        plan = MaskPlan(N_FRAMES, {frame: tuple(regions[frame]) for frame in sorted(regions)})
        logs = self.prefix + detections_key(row_key, detect), self.prefix + plan_key(row_key, work)
        self.plans[logs[1]] = plan
        self._keep_logs(row_key, detect, work, detections(N_FRAMES, seen), plan)
        is_review = bool(regions) and row % 4 == 0
        outcome = "review" if is_review else "masked" if regions else "clean"
        return {
            "outcome": outcome,
            "code": "review" if is_review else None,
            "reason": "masked in 80 % of 12 frames" if is_review else None,
            "output_key": f"{self.prefix}videos/{row_key}.{work}.mp4",
            "detections_key": logs[0],
            "plan_key": logs[1],
            "work_id": work,
            "n_frames": N_FRAMES,
            "n_masked_frames": plan.n_masked_frames,
            "n_detections": len(seen),
            "duration_s": 0.5,
        }

    def _keep_logs(
        self, row_key: str, detect: str, work: str, seen: Detections, plan: MaskPlan
    ) -> None:
        index = video_index([N_FRAMES], 512)
        path = self.scratch / "log.parquet"
        told: Any = {"video_id": row_key, "index": index}
        frames = frames_key(row_key, detect)
        write_frames(path, seen.sketch, seen.checksum, detect_id=detect, **told)
        self._keep(frames, path)
        write_detections(path, seen, card=CARD, detect_id=detect, detect_settings="", **told)
        self._keep(detections_key(row_key, detect), path, {"frames-key": frames})
        write_plan(path, plan, card=CARD, work_id=work, **told)
        self._keep(plan_key(row_key, work), path)
        if plan.regions:
            picture = Thumbnail(Moment(next(iter(plan.regions)), "first"), 0.1, 32, 18, b"\xff\xd8")
            write_thumbnails(path, [picture], video_id=row_key, work_id=work)
            self._keep(thumbnails_key(row_key, work), path)

    def _keep(self, key: str, path: Path, metadata: dict[str, str] | None = None) -> None:
        self.store.create(self.prefix + key, path, metadata or {})
        path.unlink()

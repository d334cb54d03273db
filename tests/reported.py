"""Runs that have ended, as files: reports of made-up videos, their plans and their pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from fake_stages import CARD, make_index

from fearrefactor.core.identity import plan_key, thumbnails_key
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.report import VideoReport
from fearrefactor.core.rle import encode
from fearrefactor.core.run_facts import RunFacts
from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.pipeline.logs import sha256_of
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.plan_log import write_plan
from fearrefactor.storage.report_log import ReportWriter
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.thumbnail_log import write_thumbnails

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

N_FRAMES = 24
DOG = CARD.class_id("dog")
POLICY = Policy(name="dogs", rules=(Rule(classes=("dog",), effect=Effect(kind="fill")),))
#: No decoder is asked to read it: what begins like a JPEG is kept as one.
JPEG = b"\xff\xd8\xff" + bytes(997)


def video(row: int, outcome: str = "clean", **fields: Any) -> VideoReport:
    """The report of a video of one second."""
    told: dict[str, Any] = {
        "row": row,
        "id": f"film-{row}",
        "uri": f"/films/{row}.mp4",
        "outcome": outcome,
        "code": "truncated" if outcome == "failed" else None,
        "reason": "half of it is missing" if outcome == "failed" else None,
        "duration_s": 1.0,
        "n_frames": N_FRAMES,
        "n_masked_frames": 0,
        "seconds": {"detect": 2.0, "render": 0.5},
        "policy": POLICY.name,
        "policy_digest": POLICY.digest(),
        "work_id": f"{row:08x}" * 8,
        "versions": {"fearrefactor": "1.0"},
    }
    return VideoReport.model_validate(told | fields)


class EndedRun:
    """The run ``night`` in the folder ``output``."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = RunFolder(FolderStore(output), "", "night")
        self.path = output / self.folder.report_key

    def write(self, videos: Iterable[VideoReport], **facts: Any) -> Path:
        """Its ``videos.parquet``."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {
            "run_id": "night",
            "began_at": datetime(2026, 3, 1, 22, tzinfo=UTC),
            "ended_at": datetime(2026, 3, 1, 23, tzinfo=UTC),
            "model": CARD.name,
            "policies": {POLICY.digest(): POLICY},
        }
        with ReportWriter(self.path) as writer:
            for one in videos:
                writer.write(one.model_dump())
            writer.tell(RunFacts.model_validate(told | facts))
        return self.path

    def masked(self, row: int, outcome: str = "masked", **fields: Any) -> VideoReport:
        """A video in which a dog is masked from frame 3 to 9, with its plan and two pictures."""
        told = video(row, outcome, **{"n_masked_frames": 6} | fields)
        work_id = str(told.work_id)
        key = plan_key(f"film-{row}", work_id)
        mask = encode(np.ones((1, 4, 4), np.uint8))[0]
        region = Region(Effect(kind="fill"), mask, 20.0, track=0, class_id=DOG, score=0.75)
        plan = MaskPlan(N_FRAMES, dict.fromkeys(range(3, 9), (region,)))
        plans = self.output / key
        plans.parent.mkdir(parents=True, exist_ok=True)
        index = make_index(N_FRAMES)
        write_plan(plans, plan, video_id=told.id, index=index, card=CARD, work_id=work_id)
        pictures = self.output / thumbnails_key(f"film-{row}", work_id)
        pictures.parent.mkdir(parents=True, exist_ok=True)
        moments = (Moment(3, "first"), Moment(6, "typical"))
        shown = [Thumbnail(one, one.frame / 24, 160, 96, JPEG) for one in moments]
        write_thumbnails(pictures, shown, video_id=told.id, work_id=work_id)
        return told.model_copy(update={"plan_key": key, "plan_sha256": sha256_of(plans)})

"""Decisions against what a run has told and stored; and the plan that a second look must keep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fake_stages import CARD, FakeStages, Film, make_context, make_index

from fearrefactor.core.decisions import Decisions
from fearrefactor.core.manifest import Row
from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect, Policy, Review
from fearrefactor.core.report import VideoReport
from fearrefactor.core.rle import Mask, encode
from fearrefactor.core.run_facts import RunFacts
from fearrefactor.errors import InputError
from fearrefactor.pipeline.job import Kept
from fearrefactor.pipeline.logs import EarlierPlan, Logs, sha256_of
from fearrefactor.pipeline.moderation import Moderated, moderated
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.plan_log import write_plan
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

DOG = Policy.model_validate(
    {"name": "dog", "rules": [{"classes": ["dog"]}], "review": {"masked_frames": 0.1}}
)
SHA256, WORK_ID = "0f" * 32, "e2" * 32
KEY = f"night/review/film.{WORK_ID[:8]}.mp4"
REPORT = VideoReport(
    row=3,
    id="film",
    uri="film.mp4",
    outcome="review",
    code="review",
    output_key=KEY,
    output_sha256=SHA256,
    work_id=WORK_ID,
    policy_digest=DOG.digest(),
    extra={"shift": "night", "review_by": "nobody"},
)
DECISION = {"row": 3, "id": "film", "output_sha256": SHA256, "decision": "approve"}
KEEP = {"keep": [{"classes": ["dog"], "inside": ["person"]}]}


class Stored:
    """A run whose one result is stored."""

    def __init__(self, root: Path) -> None:
        self.run = RunFolder(FolderStore(root), "night/", "first")
        self.run.store.create(KEY, b"film", {"sha256": SHA256, "work-id": WORK_ID})

    def check(self, *told: VideoReport, **decision: Any) -> tuple[Moderated, ...]:
        decisions = Decisions.model_validate(
            {
                "run_id": "first",
                "by": "Ada",
                "at": "2026-11-22T02:08:09Z",
                "decisions": [DECISION | decision],
            }
        )
        facts = RunFacts(run_id="first", policies={DOG.digest(): DOG})
        return moderated(decisions, self.run, told, facts, CARD)

    def refused(self, *told: VideoReport, **decision: Any) -> str:
        with pytest.raises(InputError) as caught:
            self.check(*told, **decision)
        return str(caught.value)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "out")


def test_a_decision_that_fits_comes_with_its_report_policy_and_words(stored: Stored) -> None:
    other = REPORT.model_copy(update={"row": 4})
    (found,) = stored.check(other, REPORT)
    assert (found.told.row, found.policy) == (3, DOG)
    assert (found.told.extra["shift"], found.told.extra["review_by"]) == ("night", "Ada")
    (found,) = stored.check(REPORT, decision="mask_more", more={"classes": ["person"]})
    assert found.policy.review == Review()
    assert found.policy.classes == ("dog", "person")
    assert found.words == "more masked, as asked by Ada at 2026-11-22T02:08:09Z"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy_digest": "0e" * 32}, "does not hold the policy that it was masked by"),
        ({"policy_digest": None}, "does not hold the policy that it was masked by"),
        ({"output_key": "night/videos/film.mp4"}, "night/videos/film.mp4 is not under review/"),
        ({"output_key": "other/review/film.mp4"}, "other/review/film.mp4 is not under review/"),
        ({"output_key": None}, "it is not for review: it ended as review"),
        ({"outcome": "failed", "code": "leak"}, "it is not for review: it ended as leak"),
    ],
)
def test_a_report_that_does_not_allow_it_refuses_every_decision(
    stored: Stored, changes: dict[str, Any], said: str
) -> None:
    assert said in stored.refused(REPORT.model_copy(update=changes))


def test_what_only_the_audit_has_found_is_never_lost_to_an_exception(stored: Stored) -> None:
    leaky = REPORT.model_copy(update={"n_leaks": 2})
    said = stored.refused(leaky, decision="mask_more", more=KEEP)
    assert "the audit has hidden 2 things in it better than the policy alone does" in said
    (found,) = stored.check(REPORT, decision="mask_more", more=KEEP)
    assert len(found.policy.keep) == 1


def cells(top: int) -> Mask:
    """A corner of the picture."""
    bits = np.zeros((1, 24, 40), np.uint8)
    bits[0, top : top + 4, :4] = 1
    return encode(bits)[0]


def run_with(earlier: EarlierPlan | None) -> tuple[FakeStages, VideoReport]:
    stages = FakeStages({"film": Film(dogs=frozenset({3}))})
    work = VideoRun(Row(1, "film", "film"), DOG, make_context(stages), earlier)
    return stages, asyncio.run(work.run())


def test_all_that_another_result_has_masked_is_masked_in_this_one_which_is_another_work(
    tmp_path: Path,
) -> None:
    found_by_audit = Region(Effect(kind="fill"), cells(16), 20.0, "audit", track=9)
    plan = MaskPlan(24, dict.fromkeys((3, 20), (found_by_audit,)))
    path = tmp_path / "plan.parquet"
    write_plan(path, plan, video_id="film", index=make_index(), card=CARD, work_id=WORK_ID)
    logs = Logs(FolderStore(tmp_path / "out"), "")
    kept = logs.keep("plans/film.parquet", path, {"work-id": WORK_ID})
    assert kept == Kept("plans/film.parquet", sha256_of(path))

    alone, without = run_with(None)
    stages, told = run_with(EarlierPlan(logs, kept))
    assert (without.outcome, told.outcome) == ("review", "review")
    assert stages.regions[3] == alone.regions[3] + 1
    assert (20 in alone.regions, stages.regions[20]) == (False, 1)
    assert told.work_id != without.work_id


def test_a_plan_that_is_damaged_or_gone_fails_the_row_and_nothing_is_rendered(
    tmp_path: Path,
) -> None:
    store = FolderStore(tmp_path / "out")
    store.create("plans/film.parquet", b"PAR1", {})
    for key, code in (("plans/film.parquet", "store_error"), ("plans/gone.parquet", "not_found")):
        stages, told = run_with(EarlierPlan(Logs(store, ""), Kept(key, SHA256)))
        assert (told.outcome, told.code) == ("failed", code)
        assert stages.count("render") == stages.count("finish") == 0

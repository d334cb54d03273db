from __future__ import annotations

import json
import re
import shlex
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asked_runs import FIRST_NIGHT, Nights
from values import CARD

from fearrefactor.core.code_meanings import MEANINGS
from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from shell import Shell

    from fearrefactor.core.report import VideoReport

DOC = (Path(__file__).resolve().parents[3] / "docs" / "questions.md").read_text("utf-8")
ASKED = re.findall(r"^```sh\n(.*?)^```\n```\n(.*?)^```$", DOC, flags=re.DOTALL | re.MULTILINE)
PRICE = 0.06
Answers = list[list[dict[str, Any]]]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    made = Nights(
        FolderStore(tmp_path_factory.mktemp("masked")), "", tmp_path_factory.mktemp("scratch")
    )
    for _ in range(3):
        made.add(n_videos=9)
    return made


@pytest.fixture(scope="module")
def answers(shell: Shell, nights: Nights) -> Answers:
    """Of each question of the page, as JSON."""
    told = []
    for words, _ in ASKED:
        name, command, output, query = shlex.split(words)
        assert (name, command, output) == ("fearrefactor", "sql", "out")
        said = shell("sql", nights.store.uri("").rstrip("/"), query, "--json")
        assert (said.code, said.err) == (0, "")
        told.append(json.loads(said.out))
    return told


def last(nights: Nights) -> list[VideoReport]:
    return nights.reports["nightly-2"]


@pytest.mark.parametrize("number", range(6))
def test_every_question_of_the_page_has_an_answer_with_the_columns_that_are_shown(
    answers: Answers, number: int
) -> None:
    shown = re.findall(r"\w+", ASKED[number][1].splitlines()[1])
    found = answers[number]
    assert found
    assert list(found[0]) == shown


def test_the_page_asks_six_questions() -> None:
    assert len(ASKED) == 6
    assert DOC.count("```sh\n") == 6


def test_what_was_masked_last_night_is_what_the_plans_hold(
    answers: Answers, nights: Nights
) -> None:
    expected = {}
    for video in last(nights):
        plan = nights.plans.get(video.plan_key or "")
        by_class = defaultdict(list)
        for frame, regions in plan.regions.items() if plan else ():
            for region in regions:
                by_class[region.class_id].append((frame, region))
        for class_id, found in by_class.items():
            expected[video.id, CARD.classes[class_id]] = (
                len({region.track for _, region in found}),
                len({frame for frame, _ in found}),
                pytest.approx(min(frame for frame, _ in found) * 512 / 12288),
                pytest.approx(max(region.score for _, region in found)),
            )
    told = answers[0]
    assert {
        (row["id"], row["what"]): (row["things"], row["frames"], row["first_s"], row["score"])
        for row in told
    } == expected
    assert len(told) == len(expected) > 4
    assert [row["frames"] for row in told] == sorted((r["frames"] for r in told), reverse=True)


def test_what_failed_is_told_with_what_to_do(answers: Answers, nights: Nights) -> None:
    failed = [video for video in last(nights) if video.outcome == "failed"]
    counted = Counter(video.code for video in failed)
    assert sum(counted.values()) == 3
    told = answers[1]
    assert {row["code"]: row["videos"] for row in told} == counted
    for row in told:
        assert row["what_to_do"] == MEANINGS[row["code"]].what_to_do
        assert row["for_example"] == min(str(v.reason) for v in failed if v.code == row["code"])


def test_uploads_that_need_review_are_listed(answers: Answers, nights: Nights) -> None:
    expected = [
        {"id": video.id, "reason": video.reason, "output_key": video.output_key}
        for video in last(nights)
        if video.outcome == "review"
    ]
    assert expected
    assert answers[2] == expected


def test_costs_are_worker_hours_by_stage_times_the_price(answers: Answers, nights: Nights) -> None:
    hours: Counter[str] = Counter()
    for video in last(nights):
        hours.update({stage: s / 3600 for stage, s in video.seconds.items()})  # type: ignore[dict-item]
    told = {row["stage"]: (row["hours"], row["cost"]) for row in answers[3]}
    assert told == {
        stage: (pytest.approx(hour), pytest.approx(hour * PRICE)) for stage, hour in hours.items()
    }


def has_dog(nights: Nights, video: VideoReport) -> bool:
    plan = nights.plans.get(video.plan_key or "")
    regions = [region for here in plan.regions.values() for region in here] if plan else []
    return any(CARD.classes[region.class_id] == "dog" for region in regions)


def test_a_class_is_followed_through_the_nights(answers: Answers, nights: Nights) -> None:
    expected = []
    for run_id, night in nights.nights.items():
        done = [video for video in nights.reports[run_id] if video.outcome != "failed"]
        n_with = sum(has_dog(nights, video) for video in done)
        share = pytest.approx(100 * n_with / len(done))
        row = {"night": str(night), "videos": len(done), "with_it": n_with, "percent": share}
        expected.append(row)
    assert expected[0]["night"] == str(FIRST_NIGHT)
    assert answers[4] == expected


def test_a_class_is_followed_by_a_column_of_the_manifest(answers: Answers, nights: Nights) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    for run_id, night in nights.nights.items():
        for video in nights.reports[run_id]:
            counted[str(night), video.extra["team"]] += has_dog(nights, video)
    told = {(row["night"], row["team"]): row["with_it"] for row in answers[5]}
    assert told == counted

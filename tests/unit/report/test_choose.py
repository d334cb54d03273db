from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reported import EndedRun, video

from fearrefactor.errors import InputError
from fearrefactor.report import choose as choosing
from fearrefactor.report.choose import choose
from fearrefactor.storage import report_log
from fearrefactor.storage.report_columns import read_rows, sum_of_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.report import VideoReport

videos = st.lists(
    st.builds(
        lambda outcome, leaks, masked: (outcome, leaks, masked),
        st.sampled_from(["masked", "clean", "review", "failed"]),
        st.integers(0, 1),
        st.integers(0, 24),
    ),
    max_size=40,
).flatmap(lambda found: st.permutations(list(enumerate(found, start=1))))


def urgency(one: VideoReport) -> tuple[int, float, int]:
    kind = 3
    if one.outcome == "review":
        kind = 0
    elif one.n_leaks:
        kind = 1
    elif one.outcome == "failed":
        kind = 2
    return kind, -(one.n_masked_frames or 0) / (one.n_frames or 1), one.row


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EndedRun:
    return EndedRun(tmp_path_factory.mktemp("chosen"))


@settings(max_examples=40)
@given(told=videos, n_details=st.integers(0, 12), n_listed=st.integers(1, 12))
def test_what_needs_eyes_is_chosen_first_in_whatever_order_the_rows_ended(
    run: EndedRun, told: list[tuple[int, tuple[str, int, int]]], n_details: int, n_listed: int
) -> None:
    reports = [
        video(row, outcome, n_leaks=leaks, n_masked_frames=masked)
        for row, (outcome, leaks, masked) in told
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_log, "ROWS_PER_GROUP", 7)
        path = run.write(reports)
        patch.setattr(choosing, "MOST_LISTED", n_listed)
        chosen = choose(path, n_details)
    urgent = [reports[position] for position in chosen.detailed[chosen.urgency.argsort()]]
    assert urgent == sorted(reports, key=urgency)[:n_details]
    listed = {reports[position].row for position in chosen.listed}
    rank = {"review": 0, "failed": 1}
    first = sorted(reports, key=lambda one: (rank.get(one.outcome, 2), one.row))[:n_listed]
    assert listed == {one.row for one in first}
    assert sorted(chosen.listed) == list(chosen.listed)
    found = list(read_rows(path, chosen.detailed))
    assert [row["row"] for row in found] == [reports[i].row for i in chosen.detailed]


def test_ids_that_are_asked_for_are_all_that_is_chosen(tmp_path: Path) -> None:
    run = EndedRun(tmp_path)
    twice = [video(1), video(2), video(3, id="film-1"), video(4, "failed")]
    chosen = choose(run.write(twice), 0, ("film-1", "film-4"))
    assert chosen.listed.tolist() == chosen.detailed.tolist() == [0, 2, 3]


def test_an_id_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = EndedRun(tmp_path)
    with pytest.raises(InputError, match=r"no video with the id 'film-9'"):
        choose(run.write([video(1)]), 5, ("film-1", "film-9"))


def test_more_rows_than_are_held_at_once_give_the_same_choice(tmp_path: Path) -> None:
    run = EndedRun(tmp_path)
    n = 12_000  # the least of fifty are held, and ten thousand that are not looked at yet
    path = run.write(
        video(1 + (7919 * i) % n, "failed" if i % 3000 == 5 else "clean") for i in range(n)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "MOST_LISTED", 50)
        chosen = choose(path, 4)
    failed = sorted(1 + (7919 * i) % n for i in range(5, n, 3000))
    rows = sorted(row["row"] for row in read_rows(path, chosen.listed, ("row",)))
    assert rows == sorted(failed + [row for row in range(1, n + 1) if row not in failed][:46])
    assert sum_of_seconds(path) == {"detect": 2.0 * n, "render": 0.5 * n}

"""``status``, ``reconcile`` and ``retry`` on ledgers of drivers that are gone."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from ledgers import LONG_AGO, begun, ended, named, publish, taken, write_ledger

from fearrefactor.core.ledger import Alive, AllTaken, Counted, Lost, Ruled, Stopped
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.report import VideoReport
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.report_log import read_facts, read_reports
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Said, Shell

POLICY = Policy.model_validate({"preset": "privacy", "rules": (Rule(classes=("dog",)),)})


class Night:
    """The run ``night`` in a folder, and the commands about it."""

    def __init__(self, shell: Shell, output: Path) -> None:
        self._shell = shell
        self.output = output
        self.folder = output / "runs" / "night"
        self.run = RunFolder(FolderStore(output), "", "night")

    def __call__(self, command: str, *words: object) -> Said:
        return self._shell(command, self.folder, *words)

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self("status", "--json").out))

    def reports(self) -> dict[int, VideoReport]:
        rows = read_reports(self.folder / "videos.parquet")
        return {row["row"]: VideoReport.model_validate(row) for row in rows}

    def files(self) -> dict[str, tuple[int, bytes]]:
        found = (path for path in self.output.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.fixture
def night(shell: Shell, tmp_path: Path) -> Night:
    return Night(shell, tmp_path / "out")


def all_taken(n_rows: int) -> AllTaken:
    return AllTaken(time_s=LONG_AGO, n_rows=n_rows)


def test_status_tells_a_run_that_goes_on_and_one_whose_driver_is_silent(night: Night) -> None:
    now = time.time()
    write_ledger(
        night.run,
        begun(time_s=now - 100),
        Counted(time_s=now - 99, n_rows=12),
        *(taken(row) for row in range(1, 5)),
        Lost(time_s=now - 60, row=4, reason="killed"),
        *(ended(row).model_copy(update={"time_s": now - 50}) for row in (1, 2)),
        ended(3, "failed", "truncated"),
        Alive(time_s=now - 1),
    )
    told = night.status()
    assert (told["phase"], told["rows"], told["rows_in_flight"]) == ("running", 12, 1)
    assert (told["rows_done"], told["rows_failed_by_code"]) == (2, {"truncated": 1})
    assert told["lost_processes_by_row"] == {"4": 1}
    assert told["rows_per_s"] == pytest.approx(2 / 99, rel=0.01)
    assert told["left_s"] == pytest.approx(9 * 99 / 2, rel=0.01)
    said = night("status").out
    assert "rows        3 of 12 ended, 1 in flight\n" in said
    assert "done        2 (2 masked)\n" in said
    assert "failed      1 (1 truncated)\n" in said
    assert "rate        1.2 rows/min, about 7 min" in said

    write_ledger(night.run, begun(time_s=now - 4000))
    write_ledger(night.run, Stopped(time_s=now - 3900, reason="KeyboardInterrupt: "))
    assert night.status()["phase"] == "stopped"


def test_every_row_of_a_dead_driver_is_done_or_failed_and_what_is_done_wins(night: Night) -> None:
    first = [begun(), Ruled(time_s=LONG_AGO, digest=POLICY.digest(), policy=POLICY)]
    rows = [taken(row) for row in range(1, 6)]
    write_ledger(night.run, *first, *rows, ended(1), ended(2), all_taken(5))
    key = publish(night.run, 4)
    again = [taken(1), *(taken(row) for row in (3, 4, 5)), named(3), named(4)]
    later = begun().model_copy(update={"settings": {"audit": "all"}})
    write_ledger(night.run, later, *again, ended(5, "failed", "truncated"))
    assert (night.status()["phase"], night.status()["rows_in_flight"]) == ("silent", 3)

    began = datetime.now(UTC)
    said = night("reconcile", "--json")
    assert said.code == 2
    assert json.loads(said.out)["outcomes"] == {"masked": 3, "failed": 2}
    reports = night.reports()
    found = {row: (told.outcome, told.code, told.reused) for row, told in reports.items()}
    assert found == {
        1: ("masked", None, False),
        2: ("masked", None, False),
        3: ("failed", "interrupted", False),
        4: ("masked", None, True),
        5: ("failed", "truncated", False),
    }
    assert (reports[4].output_key, reports[4].n_masked_frames) == (key, 3)
    assert reports[3].extra == reports[4].extra == {"shift": "night"}
    ends = {row: told.ended_at for row, told in reports.items()}
    assert {ends[row] for row in (1, 2, 5)} == {datetime.fromtimestamp(LONG_AGO, UTC)}
    now = datetime.now(UTC)
    assert all(end is not None and began <= end <= now for end in (ends[3], ends[4]))
    facts = read_facts(night.folder / "videos.parquet")
    assert (facts.began_at, facts.drivers) == (datetime.fromtimestamp(LONG_AGO, UTC), 2)
    assert (facts.ended_at, facts.policies) == (ends[4], {POLICY.digest(): POLICY})
    assert facts.settings == {"audit": "all"}
    assert not (night.folder / "_SUCCESS").exists()
    told = night.status()
    assert (told["phase"], told["rows_in_flight"], told["rows_done"]) == ("finished", 0, 3)

    before = night.files()
    assert night("reconcile").out.startswith("5 rows: 2 failed, 3 masked\n")
    assert night.files() == before


def test_a_run_is_declared_a_success_once_all_of_it_is_done(night: Night) -> None:
    write_ledger(night.run, begun(), taken(1), taken(2), ended(1), named(2), all_taken(2))
    publish(night.run, 2)
    assert night("reconcile").code == 0
    success = night.folder / "_SUCCESS"
    told = {"run_id": "night", "rows": 2, "outcomes": {"masked": 2}}
    assert json.loads(success.read_bytes()) == told

    success.unlink()  # as if the driver had died between the report and this
    before = (night.folder / "videos.parquet").stat()
    assert night("reconcile").code == 0
    assert json.loads(success.read_bytes()) == told
    assert (night.folder / "videos.parquet").stat() == before


def test_rows_that_were_never_taken_are_for_the_same_command_or_given_up(night: Night) -> None:
    write_ledger(night.run, begun(), taken(1), ended(1), taken(2))
    before = night.files()
    said = night("reconcile")
    assert said.code == 1
    assert "start the same command again, with this --run-id" in said.err
    assert night.files() == before
    assert night("reconcile", "--give-up").code == 2
    assert sorted(night.reports()) == [1, 2]
    assert not (night.folder / "_SUCCESS").exists()


def test_a_driver_that_may_be_alive_is_left_alone(night: Night) -> None:
    write_ledger(night.run, begun(), taken(1), all_taken(1), Alive(time_s=time.time() - 100))
    said = night("reconcile")
    assert (said.code, "a sign of life 100 s ago; stop it" in said.err) == (1, True)
    assert not (night.folder / "videos.parquet").exists()


def test_a_ledger_that_does_not_tell_of_every_row_makes_no_report(night: Night) -> None:
    write_ledger(night.run, begun(), taken(1), ended(1), all_taken(2))
    before = night.files()
    said = night("reconcile")
    assert (said.code, "should tell of 2 rows and tells of 1" in said.err) == (1, True)
    assert night.files() == before


def test_what_failed_for_a_reason_that_may_pass_is_a_manifest(night: Night, tmp_path: Path) -> None:
    codes = ["store_error", "truncated", "interrupted", "poison", "not_found"]
    rows = range(1, 6)
    write_ledger(
        night.run,
        begun(),
        *(taken(row, policy="people" if row == 3 else None) for row in rows),
        *(ended(row, "failed", code) for row, code in zip(rows, codes, strict=True)),
        taken(6),
        ended(6),
    )
    write_ledger(
        night.run, begun(), taken(5), ended(5), taken(6), ended(6, "failed", "model_error")
    )
    lines = night("retry").out.splitlines()
    shift = {"shift": "night"}
    assert [json.loads(line) for line in lines] == [
        shift | {"id": "film-1", "uri": "s3://in/1.mp4"},
        shift | {"id": "film-3", "uri": "s3://in/3.mp4", "policy": "people"},
        shift | {"id": "film-6", "uri": "s3://in/6.mp4"},
    ]
    path = tmp_path / "again.jsonl"
    said = night("retry", "--output", path, "--json")
    assert json.loads(said.out) == {"manifest": str(path), "rows": 3}
    assert path.read_text("utf-8").splitlines() == lines
    assert "is already there" in night("retry", "--output", path).err


@pytest.mark.parametrize("command", ["status", "reconcile", "retry"])
def test_a_run_that_nobody_began_is_an_error(night: Night, shell: Shell, command: str) -> None:
    assert "holds no ledger" in night(command).err
    assert "is no run; expected a folder" in shell(command, night.output).err

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from ledgers import LONG_AGO, begun, ended, taken, write_ledger

from fearrefactor.core.ledger import Alive, Finished, Stopped
from fearrefactor.pipeline.holders import Holders
from fearrefactor.pipeline.reconcile import SILENCE_S
from fearrefactor.storage.claims import Holder
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.ledger import list_parts
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.ledger import Event

ME = Holder("night", "0002-bbbbbbbb")


class Others:
    """What one driver knows of another one of ``run_id``, by a clock that a test moves."""

    def __init__(self, folder: Path, *events: Event, run_id: str = "day") -> None:
        self.run = RunFolder(FolderStore(folder), "out/", run_id)
        write_ledger(self.run, *events)
        self.now_s = 1e6
        [part] = list_parts(self.run.store, self.run.ledger_prefix)
        self.holder = Holder(run_id, part.driver)
        parts = [part] if run_id == ME.run_id else []
        self._holders = Holders(self.run.store, "out/", ME, parts, lambda: self.now_s)

    def add_part(self) -> None:
        """One more sign of life."""
        n_parts = len(list_parts(self.run.store, self.run.ledger_prefix))
        key = f"{self.run.ledger_prefix}{self.holder.driver}-{n_parts + 1:06}.jsonl"
        self.run.store.create(key, Alive(time_s=LONG_AGO).model_dump_json().encode(), {})

    def is_gone(self, holder: Holder | None = None) -> bool:
        return asyncio.run(self._holders.is_gone(holder or self.holder))


def test_a_driver_is_gone_when_we_have_seen_its_ledger_stand_still_whatever_its_clock_says(
    tmp_path: Path,
) -> None:
    others = Others(tmp_path, begun(), taken(1))  # long ago, as it says
    assert not others.is_gone()
    others.now_s += SILENCE_S - 1
    assert not others.is_gone()
    others.add_part()
    others.now_s += 6
    assert not others.is_gone()
    others.now_s += SILENCE_S - 1
    assert not others.is_gone()
    others.now_s += 6
    assert others.is_gone()


@pytest.mark.parametrize(
    "last", [Stopped(time_s=LONG_AGO, reason="SIGTERM"), Finished(time_s=LONG_AGO, counts={})]
)
def test_a_driver_that_says_that_it_leaves_is_gone_at_once(tmp_path: Path, last: Event) -> None:
    assert Others(tmp_path, begun(), ended(1), last).is_gone()


def test_whoever_has_a_report_is_gone(tmp_path: Path) -> None:
    others = Others(tmp_path, begun())
    others.run.store.create(others.run.report_key, b"report", {})
    assert others.is_gone()


def test_an_earlier_driver_of_our_own_run_is_gone_and_a_later_one_is_not(tmp_path: Path) -> None:
    others = Others(tmp_path, begun(), run_id="night")
    assert others.is_gone()
    assert others.is_gone(ME)  # what we left behind ourselves
    for living in ("0002-aaaaaaaa", "0003-aaaaaaaa"):
        assert not others.is_gone(Holder("night", living))
    assert not others.is_gone(Holder("day", others.holder.driver))


def test_an_earlier_driver_of_our_own_run_that_writes_on_is_there(tmp_path: Path) -> None:
    others = Others(tmp_path, begun(), run_id="night")
    assert others.is_gone()
    others.add_part()
    assert not others.is_gone()
    others.now_s += SILENCE_S - 1
    assert not others.is_gone()
    others.now_s += 6
    assert others.is_gone()


def test_a_ledger_is_not_read_again_for_each_row_that_waits(tmp_path: Path) -> None:
    others = Others(tmp_path, begun())
    assert not others.is_gone()
    others.run.store.create(others.run.report_key, b"report", {})
    others.now_s += 1
    assert not others.is_gone()
    others.now_s += 5
    assert others.is_gone()

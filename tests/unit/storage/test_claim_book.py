from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fearrefactor.errors import StoreError
from fearrefactor.storage.claims import Claim, ClaimBook, Holder
from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

WORK = ("film", "0123456789abcdef")
OURS = Holder("night", "0002-bbbbbbbb")
THEIRS = Holder("day", "0001-aaaaaaaa")


def keys(store: FolderStore) -> list[str]:
    return [found.key for found in store.list("")]


def test_of_two_drivers_one_has_a_claim_and_the_other_sees_whose_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ours, theirs = (ClaimBook(store, "out/", holder) for holder in (OURS, THEIRS))
    assert theirs.write(WORK, 1, 7)
    assert not ours.write(WORK, 1, 9)
    assert ours.last(WORK) == Claim(1, THEIRS)
    assert keys(store) == ["out/claims/film.01234567.0001"]
    with store.open("out/claims/film.01234567.0001") as reader:
        told = json.loads(reader.read())
    assert told == {"run_id": "day", "driver": "0001-aaaaaaaa", "row": 7}


def test_the_last_claim_counts_and_goes_with_those_that_it_has_superseded(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ours, theirs = (ClaimBook(store, "", holder) for holder in (OURS, THEIRS))
    for number in range(1, 11):
        assert theirs.write(WORK, number, 1)
    assert ours.write(WORK, 11, 1)
    assert theirs.last(WORK) == Claim(11, OURS)
    ours.release(WORK, 11)
    assert ours.last(WORK) is None
    assert list(tmp_path.rglob("*.json")) == []


def test_who_was_superseded_leaves_the_later_claim_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ours, theirs = (ClaimBook(store, "", holder) for holder in (OURS, THEIRS))
    assert theirs.write(WORK, 1, 1)
    assert ours.write(WORK, 2, 1)
    theirs.release(WORK, 1)
    assert theirs.last(WORK) == Claim(2, OURS)


def test_other_works_of_the_same_row_and_other_rows_are_no_matter(tmp_path: Path) -> None:
    book = ClaimBook(FolderStore(tmp_path), "", OURS)
    assert book.write(("film", "00" * 32), 1, 1)
    assert book.write(("film-2", WORK[1]), 1, 1)
    assert book.last(WORK) is None


@pytest.mark.parametrize("told", [b"", b"[]", b'{"run_id": "x"}'])
def test_what_is_no_claim_is_named(tmp_path: Path, told: bytes) -> None:
    store = FolderStore(tmp_path)
    store.create("claims/film.01234567.0001", told, {})
    with pytest.raises(StoreError, match=r"film\.01234567\.0001 is no claim"):
        ClaimBook(store, "", OURS).last(WORK)

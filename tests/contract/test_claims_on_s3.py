"""Claims over a real S3 server: the same as over a folder, by conditional writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fearrefactor.storage.claims import Claim, ClaimBook, Holder
from fearrefactor.storage.s3 import S3Store

if TYPE_CHECKING:
    from fearrefactor.storage.s3 import S3Settings

WORK = ("film", "0123456789abcdef")


def test_of_many_drivers_one_has_the_claim_and_whoever_takes_over_removes_both(
    s3_settings: S3Settings, s3_bucket: str
) -> None:
    store = S3Store(s3_bucket, s3_settings)
    holders = [Holder("night", f"0001-{number:08x}") for number in range(6)]
    books = [ClaimBook(store, "out/", holder) for holder in holders]
    for number in (1, 2):
        with ThreadPoolExecutor(len(books)) as pool:
            won = list(pool.map(lambda book, number=number: book.write(WORK, number, 7), books))
        assert sum(won) == 1
        last = won.index(True)
        assert books[0].last(WORK) == Claim(number, holders[last])
    books[last].release(WORK, 2)
    assert books[0].last(WORK) is None
    assert list(store.list("out/claims/")) == []

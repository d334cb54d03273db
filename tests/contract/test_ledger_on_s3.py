from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.core.ledger import Taken
from fearrefactor.storage.ledger import LedgerWriter, list_parts, new_driver, read_events
from fearrefactor.storage.s3 import S3Store

if TYPE_CHECKING:
    from fearrefactor.core.ledger import Event
    from fearrefactor.storage.s3 import S3Settings


def test_a_ledger_of_two_drivers_is_read_from_a_bucket_as_it_was_written(
    s3_bucket: str, s3_settings: S3Settings
) -> None:
    store, prefix = S3Store(s3_bucket, s3_settings), "nightly/runs/night/ledger/"
    told: list[Event] = []
    for driver in range(2):
        name = new_driver(list_parts(store, prefix))
        with LedgerWriter(store, prefix, name) as writer:
            for row in range(1, 4):
                told.append(Taken(time_s=driver, row=row, id=f"film {row}", uri="ü\n"))
                writer.add(told[-1])
                writer.flush()
    assert list(read_events(store, prefix)) == told
    assert [part.number for part in list_parts(store, prefix)] == [1, 2, 3, 1, 2, 3]

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fearrefactor.storage.s3 import S3Settings, S3Store

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class PagedUploads:
    """A server that lists two uploads at a time as S3 does it: by key, then by upload."""

    uploads: Sequence[tuple[str, str]]
    tells_where: bool = True
    n_asked: int = 0

    def list_multipart_uploads(self, **asked: Any) -> dict[str, Any]:
        self.n_asked += 1
        after = asked.get("KeyMarker", ""), asked.get("UploadIdMarker", "")
        left = sorted(upload for upload in self.uploads if upload > after)
        page: dict[str, Any] = {
            "IsTruncated": len(left) > 2,
            "Uploads": [
                {"Key": key, "UploadId": upload, "Initiated": BEGUN} for key, upload in left[:2]
            ],
        }
        if page["IsTruncated"] and self.tells_where:
            page |= {"NextKeyMarker": left[1][0], "NextUploadIdMarker": left[1][1]}
        return page


@pytest.fixture
def store() -> S3Store:
    return S3Store("bucket", S3Settings("http://127.0.0.1:9", "us-east-1"))


def listed(store: S3Store, server: PagedUploads) -> list[tuple[str, str]]:
    store._client.once = server
    return [(found.key, found.token) for found in store.unfinished("")]


def test_uploads_are_listed_page_by_page_also_several_of_one_key(store: S3Store) -> None:
    server = PagedUploads([("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("c", "9")])
    assert listed(store, server) == server.uploads
    assert server.n_asked == 3
    assert {found.begun_s for found in store.unfinished("")} == {BEGUN.timestamp()}


def test_a_server_that_does_not_say_how_to_go_on_is_not_asked_for_ever(store: S3Store) -> None:
    server = PagedUploads([("a", "1"), ("b", "1"), ("c", "1")], tells_where=False)
    assert listed(store, server) == [("a", "1"), ("b", "1")]
    assert server.n_asked == 1


def test_the_default_patience_bridges_a_minute_however_the_dice_fall() -> None:
    settings = S3Settings()
    assert all(60 <= sum(settings.pauses_s()) <= 130 for _ in range(200))
    assert list(dataclasses.replace(settings, tries=1).pauses_s()) == [0]

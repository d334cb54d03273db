"""Nights whose films and results are on S3, behind a proxy that lets things go wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invariants import (
    assert_a_rerun_does_nothing,
    assert_invariants,
    assert_nothing_is_left,
)
from nights import Night

from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from fault_proxy import FaultProxy
    from s3_server import S3Server

    from fearrefactor.core.report import VideoReport


class Nights:
    """Nights over the same films, each with an output of its own in ``bucket``."""

    def __init__(self, server: S3Server, proxy: FaultProxy, bucket: str) -> None:
        self.proxy = proxy
        self.bucket = bucket
        self.server = server
        self.rows: list[dict[str, object]] = []
        self._direct = S3Settings(server.endpoint_url, "us-east-1")
        self._n = 0

    def upload(self, films: Iterable[bytes]) -> None:
        """Films for the nights to come."""
        for number, film in enumerate(films):
            self.put(f"sources/{number}.mp4", film)
            uri = f"s3://{self.bucket}/sources/{number}.mp4"
            self.rows.append({"id": f"film-{number}", "uri": uri})

    def put(self, key: str, content: bytes) -> None:
        """Write an object behind everybody's back, over what is there."""
        self.server.client().put_object(Bucket=self.bucket, Key=key, Body=content)

    def next(self, **fields: Any) -> Night:
        """A night that reaches S3 through the proxy only."""
        self._n += 1
        through = S3Settings(self.proxy.endpoint_url, "us-east-1")
        output = f"s3://{self.bucket}/out-{self._n}/"
        return replace(Night(output, self.rows, s3=through), **fields)

    def direct(self, night: Night) -> Night:
        """The same night seen without the proxy."""
        return replace(night, s3=self._direct)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """All that is in the bucket, also what no store lists."""
        store = self.next(output=f"s3://{self.bucket}/", s3=self._direct).store()
        yield from (found.key for found in store.list(prefix))
        yield from (found.key for found in store.unfinished(prefix))

    def assert_all_is_well(self, night: Night, *, rerun: bool = True) -> list[VideoReport]:
        """I1 to I6, and that nothing has failed."""
        seen = self.direct(night)
        reports = assert_invariants(seen)
        assert [report.reason for report in reports if report.outcome == "failed"] == []
        assert_nothing_is_left(seen)
        if rerun:
            assert_a_rerun_does_nothing(seen)
        return reports

"""Requests to S3 that are made again while the trouble passes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fearrefactor.errors import StoreError
from fearrefactor.storage.s3_errors import CALL_ERRORS, is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fearrefactor.storage.s3 import S3Settings

_T = TypeVar("_T")


class S3Client:
    """A boto3 client that tries once, as ``once``, and patience around it.

    botocore could repeat requests itself, but its pauses bridge no minute, and it gives up early
    when many requests fail. And what a repeated write has done must be looked at.
    """

    def __init__(self, settings: S3Settings) -> None:
        self.once: Any = _client(settings)
        self._settings = settings

    def ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """The reply to an operation that may be repeated, by boto3's name for its method.

        Raises:
            CALL_ERRORS: it was refused, or every try has failed; this is the last one's error.
        """
        return self.patiently(lambda: getattr(self.once, operation)(**parameters))

    def pages(
        self,
        operation: str,
        then: Callable[[Mapping[str, Any]], dict[str, str]],
        **parameters: Any,
    ) -> Iterator[Mapping[str, Any]]:
        """The replies to a listing; ``then`` says what is to be asked for after a full page.

        Where it does not say anything the listing ends.

        Raises:
            CALL_ERRORS: as ``ask``.
        """
        more: dict[str, str] = {}
        while True:
            page = self.ask(operation, **parameters, **more)
            yield page
            more = then(page) if page.get("IsTruncated") else {}
            if not more:
                return

    def patiently(self, request: Callable[[], _T]) -> _T:
        """What ``request`` answers, made again after each error that may pass.

        Raises:
            CALL_ERRORS, OSError: an error that does not pass, or the last one.
        """
        failed: Exception = OSError("no try was allowed")
        for pause_s in self._settings.pauses_s():
            time.sleep(pause_s)
            try:
                return request()
            except (*CALL_ERRORS, OSError) as error:
                if not is_passing(error):
                    raise
                failed = error
        raise failed


def _client(settings: S3Settings) -> Any:
    import boto3
    from botocore.config import Config

    try:
        client = boto3.session.Session(region_name=settings.region).client(
            "s3",
            endpoint_url=settings.endpoint_url,
            config=Config(
                connect_timeout=settings.connect_timeout_s,
                read_timeout=settings.read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": 1},
                max_pool_connections=32,
            ),
        )
    except (*CALL_ERRORS, ValueError) as error:
        raise StoreError(f"S3 cannot be used at {settings.endpoint_url}: {error}") from error
    if settings.bucket_owner is not None:
        client.meta.events.register("before-call.s3", partial(_name_owner, settings.bucket_owner))
    return client


def _name_owner(owner: str, params: dict[str, Any], **_: object) -> None:
    """What boto3 does with ``ExpectedBucketOwner``, for every request that there will ever be."""
    params["headers"]["x-amz-expected-bucket-owner"] = owner

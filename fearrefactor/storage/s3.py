"""An S3 bucket as a store, through boto3."""

from __future__ import annotations

import base64
import contextlib
import random
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fearrefactor.errors import SourceChangedError
from fearrefactor.storage.objects import ObjectStat, Unfinished, opened, with_attempt
from fearrefactor.storage.reader import ObjectReader
from fearrefactor.storage.s3_client import S3Client
from fearrefactor.storage.s3_create import CreateOnlyWrite
from fearrefactor.storage.s3_errors import CALL_ERRORS, code, explain, status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LONGEST_PAUSE_S = 32.0


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How to reach S3; plain values, so that a worker can be given them.

    ``endpoint_url`` None is AWS itself; ``region`` None leaves it to boto3's own chain, as
    credentials always are. A request is tried ``tries`` times; the default bridges a minute.
    S3 refuses what is asked of a bucket that does not belong to the account ``bucket_owner``.
    """

    endpoint_url: str | None = None
    region: str | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    tries: int = 10
    bucket_owner: str | None = None

    def pauses_s(self) -> Iterator[float]:
        """Seconds to wait before each try: none, then doubling, spread so that workers part."""
        yield 0.0
        for number in range(self.tries - 1):
            longest = min(_LONGEST_PAUSE_S, 0.5 * 2**number)
            yield random.uniform(longest / 2, longest)  # noqa: S311 - not for secrecy


class S3Store:
    """Objects in ``bucket``."""

    def __init__(self, bucket: str, settings: S3Settings) -> None:
        self.bucket = bucket
        self.settings = settings
        self._client = S3Client(settings)

    def uri(self, key: str) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def stat(self, key: str) -> ObjectStat:
        """See ``ObjectStore``."""
        try:
            reply = self._client.ask(
                "head_object", Bucket=self.bucket, Key=key, ChecksumMode="ENABLED"
            )
        except CALL_ERRORS as error:
            raise explain(error, self.uri(key), "HeadObject") from error
        metadata = {name.lower(): value for name, value in reply["Metadata"].items()}
        return ObjectStat(
            key,
            int(reply["ContentLength"]),
            reply["ETag"],
            metadata,
            reply["LastModified"].timestamp(),
            _crc32_of_whole(reply),
        )

    def open(
        self, key: str, stat: ObjectStat | None = None, sums: bytes | None = None
    ) -> ObjectReader:
        """See ``ObjectStore``; every range is asked for with ``If-Match``."""
        pinned = stat or self.stat(key)
        return ObjectReader(
            lambda offset, length: self._fetch(pinned, offset, length), pinned.size_bytes, sums
        )

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        """See ``ObjectStore``; from 16 MiB on in parts, of which one is held at a time."""
        write = CreateOnlyWrite(self._client, self.bucket, key, with_attempt(metadata))
        with opened(source) as (body, size_bytes):
            write.run(body, size_bytes, self.settings.pauses_s())

    def replace(self, key: str, content: bytes, content_type: str) -> None:
        """See ``ObjectStore``; written twice it is the same, so that it is simply tried again."""
        try:
            self._client.ask(
                "put_object",
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
            )
        except CALL_ERRORS as error:
            raise explain(error, self.uri(key), "PutObject") from error

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """See ``ObjectStore``; asks for a page when the one before is used up."""
        asked = {"Bucket": self.bucket, "Prefix": prefix}
        try:
            for page in self._client.pages("list_objects_v2", _next_objects, **asked):
                for entry in page.get("Contents", []):
                    yield ObjectStat(
                        entry["Key"],
                        int(entry["Size"]),
                        entry["ETag"],
                        modified_s=entry["LastModified"].timestamp(),
                    )
        except CALL_ERRORS as error:
            raise explain(error, self.uri(prefix), "ListObjectsV2") from error

    def delete(self, key: str) -> None:
        """See ``ObjectStore``."""
        try:
            self._client.ask("delete_object", Bucket=self.bucket, Key=key)
        except CALL_ERRORS as error:
            raise explain(error, self.uri(key), "DeleteObject") from error

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """See ``ObjectStore``: uploads in parts; how much of one is there S3 does not list."""
        asked = {"Bucket": self.bucket, "Prefix": prefix}
        try:
            for page in self._client.pages("list_multipart_uploads", _next_uploads, **asked):
                for entry in page.get("Uploads", []):
                    begun_s = entry["Initiated"].timestamp()
                    yield Unfinished(entry["Key"], entry["UploadId"], begun_s)
        except CALL_ERRORS as error:
            raise explain(error, self.uri(prefix), "ListMultipartUploads") from error

    def abandon(self, unfinished: Unfinished) -> None:
        """See ``ObjectStore``."""
        try:
            self._client.ask(
                "abort_multipart_upload",
                Bucket=self.bucket,
                Key=unfinished.key,
                UploadId=unfinished.token,
            )
        except CALL_ERRORS as error:
            if code(error) != "NoSuchUpload":
                uri = self.uri(unfinished.key)
                raise explain(error, uri, "AbortMultipartUpload") from error

    def _fetch(self, pinned: ObjectStat, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes of the pinned version, tried again while the trouble passes."""
        uri = self.uri(pinned.key)
        try:
            return self._client.patiently(lambda: self._fetch_once(pinned, offset, length))
        except (*CALL_ERRORS, OSError) as error:
            if status(error) in {404, 412, 416}:
                raise _changed(uri, pinned) from error
            raise explain(error, uri, "GetObject") from error

    def _fetch_once(self, pinned: ObjectStat, offset: int, length: int) -> bytes:
        reply = self._client.once.get_object(
            Bucket=self.bucket,
            Key=pinned.key,
            Range=f"bytes={offset}-{offset + length - 1}",
            IfMatch=pinned.etag,
        )
        with contextlib.closing(reply["Body"]) as body:  # its own "with" yields the raw stream
            if reply["ETag"] != pinned.etag:  # a server that ignores If-Match
                raise _changed(self.uri(pinned.key), pinned)
            if reply["ContentLength"] != length:  # a server that ignores Range sends everything
                raise OSError(f"expected {length} B at {offset}, got {reply['ContentLength']} B")
            data = bytes(body.read())
        if len(data) != length:
            raise OSError(f"expected {length} B at {offset}, got {len(data)} B")
        if length == pinned.size_bytes and pinned.crc32 not in {None, zlib.crc32(data)}:
            raise OSError(f"expected the CRC-32 {pinned.crc32:08x}, got {zlib.crc32(data):08x}")
        return data


def _crc32_of_whole(reply: Mapping[str, Any]) -> int | None:
    """The checksum of an object's content. One that came in parts may have one of checksums."""
    told = reply.get("ChecksumCRC32")
    came_whole = "-" not in reply["ETag"] and "-" not in (told or "")
    if (
        told is None
        or reply.get("ChecksumType", "FULL_OBJECT" if came_whole else "") != "FULL_OBJECT"
    ):
        return None
    return int.from_bytes(base64.b64decode(told), "big")


def _next_objects(page: Mapping[str, Any]) -> dict[str, str]:
    return {"ContinuationToken": page["NextContinuationToken"]}


def _next_uploads(page: Mapping[str, Any]) -> dict[str, str]:
    if "NextKeyMarker" not in page:  # SeaweedFS says that there are more, and not where
        return {}
    return {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _changed(uri: str, pinned: ObjectStat) -> SourceChangedError:
    return SourceChangedError(
        f"{uri} is no longer the object that was pinned ({pinned.etag}): it was overwritten or "
        "removed"
    )

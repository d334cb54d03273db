"""Writing an S3 object once: what to make of replies that are lost, and of a 412 against oneself.

A conditional write is never repeated blindly. After a 412, or when the outcome is unknown, the
object is looked at: if it carries our attempt, the write has taken effect.
"""

from __future__ import annotations

import base64
import contextlib
import time
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from fearrefactor.errors import AlreadyExistsError, StoreError
from fearrefactor.storage.objects import ATTEMPT
from fearrefactor.storage.s3_errors import CALL_ERRORS, code, explain, is_passing, status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fearrefactor.storage.s3_client import S3Client

#: Objects of this size and more go in parts of at least this size.
PART_BYTES = 16 << 20
_MOST_PARTS = 10_000
#: S3 completes an upload and holds its condition in one step. SeaweedFS does it in two: on a busy
#: machine two of eight writers were both told that they had won, in two rounds of thirty. So a
#: finished upload is looked at once more when the other's could have finished, too.
_SETTLE_S = 0.25


@dataclass(frozen=True)
class CreateOnlyWrite:
    """One object on its way.

    ``metadata`` holds the attempt that tells our object from another's.
    """

    client: S3Client
    bucket: str
    key: str
    metadata: dict[str, str]

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def run(self, body: IO[bytes], size_bytes: int, pauses_s: Iterable[float]) -> None:
        """Write until it is known whether the object is ours.

        Raises:
            AlreadyExistsError: another attempt has written it.
            StoreError: it was refused, or its outcome stayed unknown to the last try.
        """
        failed: Exception | None = None
        for pause_s in pauses_s:
            time.sleep(pause_s)
            body.seek(0)
            try:
                self._write(body, size_bytes)
            except CALL_ERRORS as error:
                if not _in_doubt(error):
                    raise explain(error, self.uri, "PutObject") from error
                failed = error
                if self._is_ours():
                    return
            else:
                return
        raise StoreError(
            f"{self.uri}: not known whether it was written, the last answer being: {failed}; "
            "run again to find out"
        ) from failed

    def _is_ours(self) -> bool:
        """Whether the object is there by our own hand; False also when nobody can tell yet."""
        try:
            found = self.client.once.head_object(Bucket=self.bucket, Key=self.key)
        except CALL_ERRORS as error:
            if status(error) == 404 or is_passing(error):
                return False
            raise explain(error, self.uri, "HeadObject") from error
        attempts = {name.lower(): value for name, value in found["Metadata"].items()}
        if attempts.get(ATTEMPT) == self.metadata[ATTEMPT]:
            return True
        raise AlreadyExistsError(f"{self.uri} exists already, written by another attempt")

    def _write(self, body: IO[bytes], size_bytes: int) -> None:
        if size_bytes < PART_BYTES:
            self.client.once.put_object(
                Bucket=self.bucket,
                Key=self.key,
                Body=_read(body, size_bytes, self.uri),
                Metadata=self.metadata,
                IfNoneMatch="*",
            )
        else:
            self._write_parts(body, size_bytes)

    def _write_parts(self, body: IO[bytes], size_bytes: int) -> None:
        with self._upload() as upload_id:
            parts = [
                self._write_part(upload_id, number, data)
                for number, data in enumerate(_parts(body, size_bytes, self.uri), start=1)
            ]
            try:
                self.client.once.complete_multipart_upload(
                    Bucket=self.bucket,
                    Key=self.key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": parts},
                    MpuObjectSize=size_bytes,
                    IfNoneMatch="*",
                )
            except CALL_ERRORS as error:
                # Looked at before the upload is aborted: it may have become the object.
                if not (_in_doubt(error) and self._is_ours()):
                    raise
            else:
                time.sleep(_SETTLE_S)
                self._is_ours()  # raises where another's has taken its place

    @contextlib.contextmanager
    def _upload(self) -> Iterator[str]:
        """An open upload, aborted when anything goes wrong with it."""
        named = {"Bucket": self.bucket, "Key": self.key}
        try:
            begun = self.client.ask("create_multipart_upload", **named, Metadata=self.metadata)
        except CALL_ERRORS as error:
            raise explain(error, self.uri, "CreateMultipartUpload") from error
        try:
            yield begun["UploadId"]
        except BaseException:
            # The first error is the one to tell; an upload that stays open is for the sweep.
            with contextlib.suppress(*CALL_ERRORS):
                self.client.ask("abort_multipart_upload", **named, UploadId=begun["UploadId"])
            raise

    def _write_part(self, upload_id: str, number: int, data: bytes) -> dict[str, object]:
        try:
            reply = self.client.ask(
                "upload_part",
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload_id,
                PartNumber=number,
                Body=data,
            )
        except CALL_ERRORS as error:
            raise explain(error, self.uri, "UploadPart") from error
        named = {"PartNumber": number, "ETag": reply["ETag"]}
        if "ChecksumCRC32" in reply:  # boto3 sent one too; an old server knows nothing of them
            named["ChecksumCRC32"] = reply["ChecksumCRC32"]
            sent = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
            if reply["ChecksumCRC32"] != sent:
                raise StoreError(
                    f"{self.uri}: part {number} arrived with CRC32 {reply['ChecksumCRC32']}, "
                    f"it was sent with {sent}"
                )
        return named


def _in_doubt(error: Exception) -> bool:
    """Whether the object may be there now, by our hand or another's, or may yet be written."""
    return is_passing(error) or status(error) in {409, 412} or code(error) == "NoSuchUpload"


def _parts(body: IO[bytes], size_bytes: int, uri: str) -> Iterator[bytes]:
    part_bytes = max(PART_BYTES, -(-size_bytes // _MOST_PARTS))
    for start in range(0, size_bytes, part_bytes):
        yield _read(body, min(part_bytes, size_bytes - start), uri)


def _read(body: IO[bytes], n_bytes: int, uri: str) -> bytes:
    try:
        data = body.read(n_bytes)
    except OSError as error:
        raise StoreError(f"{uri}: the local file cannot be read: {error}") from error
    if len(data) != n_bytes:
        raise StoreError(f"{uri}: the local file became shorter while it was stored")
    return data

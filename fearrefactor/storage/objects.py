"""What every store can do: look, read ranges, create once, list. Buckets and folders are the same.

Objects are never changed: ``create`` writes a key that does not exist yet, all of it or nothing.
What a writer that died has left on the way is ``unfinished``; nobody else ever sees it. Only a page
for people, which can be made again from other objects at any time, is replaced.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import uuid
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Protocol

from fearrefactor.errors import AlreadyExistsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fearrefactor.storage.reader import ObjectReader

#: The metadata key by which a writer knows its own object again after a lost reply.
ATTEMPT = "attempt"
_METADATA_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_METADATA_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?|")
_METADATA_LIMIT_BYTES = 2048 - 64  # S3 allows 2 KiB; the attempt takes its share


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """An object as it was when it was looked at.

    ``etag`` is an opaque token of this content: another content has another token. ``metadata`` is
    what ``create`` was given, and ``attempt``; ``crc32`` is the store's own checksum of the whole,
    if it has one. A listing leaves both empty. ``modified_s``, seconds since 1970 by the store's
    clock, is for people and for sweeping; nothing that must be right depends on it.
    """

    key: str
    size_bytes: int
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    modified_s: float = 0.0
    crc32: int | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What was begun under ``key`` at ``begun_s`` (seconds since 1970) and is no object (yet).

    ``token`` is the store's name for it; ``size_bytes`` is 0 where the store does not say.
    """

    key: str
    token: str
    begun_s: float
    size_bytes: int = 0


class ObjectStore(Protocol):
    """Objects under string keys. One store may be used by several threads.

    Any method raises ``StoreError`` when the store cannot be reached or will not do it, with the
    code ``access_denied`` when it is a matter of rights.
    """

    def uri(self, key: str) -> str:
        """How people name the object."""
        ...

    def stat(self, key: str) -> ObjectStat:
        """Size, version and metadata of an object.

        Raises:
            NotFoundError: there is none.
        """
        ...

    def open(
        self, key: str, stat: ObjectStat | None = None, sums: bytes | None = None
    ) -> ObjectReader:
        """The object as a seekable file, pinned to ``stat`` (default: to how it is now).

        With ``sums``, the ``block_sums`` of a first reading, each later one is held against it.

        Raises:
            NotFoundError: there is none.
            SourceChangedError: from a read, when the object is no longer the one that was pinned.
            DamagedReadError: from a read, when it differs from the first one.
        """
        ...

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        """Write an object that does not exist yet; until it is whole nobody sees any of it.

        ``metadata``: keys of a-z, 0-9 and hyphen, values of printable ASCII, 1984 bytes in all. The
        key ``attempt`` is added here.

        Raises:
            AlreadyExistsError: the object is there, written by somebody else.
        """
        ...

    def replace(self, key: str, content: bytes, content_type: str) -> None:
        """Write a page for people, over what is there; readers see all of the old one or the new.

        ``content_type`` is what a browser is told, where the store tells it anything.
        """
        ...

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """Every object whose key starts with ``prefix``, each once, in the order of the store.

        Folders and S3 itself sort by the UTF-8 bytes of the key; some S3 servers sort by folder.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a scratch object; nothing happens if it is not there."""
        ...

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """What writers have begun under ``prefix``, and neither finished nor taken back."""
        ...

    def abandon(self, unfinished: Unfinished) -> None:
        """Remove it; nothing happens if it is gone. Its writer, if there is one, begins anew."""
        ...


def with_attempt(metadata: Mapping[str, str]) -> dict[str, str]:
    """``metadata`` with a fresh ``attempt``, checked to be what every store can keep.

    Raises:
        StoreError: a key or value that some store would change or refuse.
    """
    for key, value in metadata.items():
        if not _METADATA_KEY.fullmatch(key) or key == ATTEMPT:
            raise StoreError(
                f"metadata key {key!r} cannot be kept; use a-z, 0-9 and hyphens, not {ATTEMPT!r}"
            )
        if not _METADATA_VALUE.fullmatch(value):
            raise StoreError(f"metadata {key}={value!r} cannot be kept; use printable ASCII")
    n_bytes = sum(len(key) + len(value) for key, value in metadata.items())
    if n_bytes > _METADATA_LIMIT_BYTES:
        raise StoreError(f"expected at most {_METADATA_LIMIT_BYTES} B of metadata, got {n_bytes} B")
    return {**metadata, ATTEMPT: uuid.uuid4().hex}


@contextlib.contextmanager
def opened(source: bytes | Path) -> Iterator[tuple[IO[bytes], int]]:
    """What is to be stored as a file, with its size in bytes.

    Raises:
        StoreError: the local file cannot be read.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise StoreError(f"{source} cannot be read: {error.strerror}") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


def prove_create_only(store: ObjectStore, scratch_key: str) -> None:
    """Write twice to a key that nobody else uses, to see the second write refused.

    Raises:
        StoreError: the second write went through: two workers could publish the same video.
    """
    store.create(scratch_key, b"first", {})
    try:
        store.create(scratch_key, b"second", {})
    except AlreadyExistsError:
        return
    finally:
        store.delete(scratch_key)
    raise StoreError(
        f"this store does not honour create-only writes: {store.uri(scratch_key)} was written "
        "twice; choose one that honours If-None-Match on PUT"
    )

"""What SOURCE may be: a video, an image, a folder, a bucket's prefix, a manifest."""

from __future__ import annotations

import io
import itertools
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.storage.locations import locate, open_store
from fearrefactor.storage.manifest_file import RawRow, count_rows, manifest_kind, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fearrefactor.storage.s3 import S3Settings

#: What is taken from a folder or prefix; a file that is named itself is always tried.
MEDIA_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts", ".m2ts", ".mts", ".avi", ".flv", ".ogv"),
        *(".wmv", ".mpg", ".mpeg", ".3gp", ".gif", ".jpg", ".jpeg", ".png", ".bmp", ".webp"),
    }
)


def rows_of(sources: Sequence[str], s3: S3Settings) -> Iterator[RawRow]:
    """All rows of all sources, numbered through, read as they are asked for.

    Raises:
        InputError: a folder or prefix with nothing to mask in it, an unusable manifest.
        StoreError: a folder, prefix or manifest that cannot be read.
    """
    number = itertools.count(1)
    for source in sources:
        for row in _rows(source, s3):
            yield RawRow(next(number), row.values, row.error)


def count_rows_of(sources: Sequence[str], s3: S3Settings) -> int:
    """How many rows ``rows_of`` has.

    Raises:
        InputError, StoreError: as ``rows_of``.
    """
    return sum(_count(source, s3) for source in sources)


def list_media(source: str, s3: S3Settings) -> Iterator[str]:
    """URIs of the videos and images under a folder or prefix.

    Raises:
        InputError: there are none.
    """
    place = locate(source)
    store = open_store(place.store_root, s3)
    n_found = n_others = 0
    for found in store.list(place.key):
        if PurePosixPath(found.key).suffix.lower() in MEDIA_SUFFIXES:
            n_found += 1
            yield store.uri(found.key)
        else:
            n_others += 1
    if not n_found:
        raise InputError(
            f"{source}: expected videos or images, found {n_others} other files; "
            f"known suffixes: {' '.join(sorted(MEDIA_SUFFIXES))}"
        )


def _count(source: str, s3: S3Settings) -> int:
    kind = manifest_kind(source)
    if kind is None:
        return sum(1 for _ in _rows(source, s3))
    with _opened(source, s3) as manifest:
        return count_rows(manifest, kind)


def _opened(source: str, s3: S3Settings) -> io.BufferedReader:
    place = locate(source)
    try:
        return io.BufferedReader(open_store(place.store_root, s3).open(place.key))
    except NotFoundError as error:
        raise InputError(f"there is no manifest {source}") from error


def _rows(source: str, s3: S3Settings) -> Iterator[RawRow]:
    kind = manifest_kind(source)
    if kind is not None:
        with _opened(source, s3) as manifest:
            yield from read_rows(manifest, kind)
        return
    if "://" in source and not source.startswith(("s3://", "file://")):
        yield RawRow(1, {"uri": source})  # the row fails with its own reason
        return
    place = locate(source)
    if place.is_prefix:
        for uri in list_media(source, s3):
            yield RawRow(1, {"uri": uri})
    else:
        yield RawRow(1, {"uri": place.uri})

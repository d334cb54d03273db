"""Where an object is: URIs and paths in, a store and a key out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fearrefactor.errors import ManifestError
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.s3 import S3Settings, S3Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.storage.objects import ObjectStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Location:
    """A key in the store that ``open_store(store_root, …)`` opens.

    ``store_root`` is ``s3://bucket`` or an absolute folder. ``key`` is empty or ends in ``/`` when
    many objects are meant.
    """

    store_root: str
    key: str

    @property
    def is_prefix(self) -> bool:
        """Whether it names all objects under it rather than one."""
        return not self.key or self.key.endswith("/")

    @property
    def uri(self) -> str:
        """The whole as a URI or an absolute path."""
        return f"{self.store_root.rstrip('/')}/{self.key}"


def locate(uri: str) -> Location:
    """The place that ``s3://bucket/key``, ``file:///path`` or a path means.

    A relative path counts from the working directory. A local folder is a prefix with or without a
    slash at its end.

    Raises:
        ManifestError: ``unknown_scheme``, or a URI that names no place.
    """
    if not uri.strip() or _CONTROL.search(uri):
        raise ManifestError(f"{uri!r} is no URI: it is empty or holds control characters")
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return _locate_path(uri)
    name = scheme[1].lower()
    if name == "s3":
        return _locate_s3(uri, uri[scheme.end() :])
    if name == "file":
        return _locate_file(uri)
    raise ManifestError(
        f"{uri}: scheme {scheme[1]!r} is unknown; use s3://, file:// or a path",
        code="unknown_scheme",
    )


def locate_prefix(uri: str) -> Location:
    """The same for a place that is to hold many objects, such as an output, there yet or not.

    Raises:
        ManifestError: as ``locate``.
    """
    found = locate(uri)
    if found.is_prefix:
        return found
    if found.store_root.startswith("s3://"):
        return Location(found.store_root, f"{found.key}/")
    return Location(os.path.join(found.store_root, found.key), "")  # noqa: PTH118 - both strings


def check_under(place: Location, uri: str, prefixes: Sequence[Location]) -> None:
    """Hold a source against the places from which sources may come; without any it may be anywhere.

    ``prefixes``: from ``locate_prefix``.

    Raises:
        ManifestError: ``not_allowed``.
    """
    if prefixes and not any(place.uri.startswith(prefix.uri) for prefix in prefixes):
        raise ManifestError(
            f"{uri} is not under {' or '.join(prefix.uri for prefix in prefixes)}, where this run "
            "may read sources (--sources-under)",
            code="not_allowed",
        )


def open_store(root: str, settings: S3Settings) -> ObjectStore:
    """The store of a ``Location.store_root``; nothing is asked of it yet.

    Raises:
        StoreError: the settings are of no use.
    """
    if root.startswith("s3://"):
        return S3Store(root.removeprefix("s3://"), settings)
    return FolderStore(Path(root))


def _locate_s3(uri: str, rest: str) -> Location:
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ManifestError(f"{uri}: {bucket!r} is no bucket name; write s3://bucket/key")
    return Location(f"s3://{bucket}", key)


def _locate_file(uri: str) -> Location:
    parts = urlsplit(uri.replace("#", "%23").replace("?", "%3F"))
    if parts.netloc not in {"", "localhost"}:
        raise ManifestError(
            f"{uri}: a file:// URI names a file of this machine: file:///path, not one of "
            f"{parts.netloc!r}"
        )
    path = unquote(parts.path)
    if not path or _CONTROL.search(path):
        raise ManifestError(f"{uri}: expected file:///path")
    return _locate_path(path)


def _locate_path(path: str) -> Location:
    absolute = os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps the ".."
    if path.endswith("/") or os.path.isdir(absolute):  # noqa: PTH112 - a string throughout
        return Location(absolute, "")
    folder, name = os.path.split(absolute)
    return Location(folder, name)

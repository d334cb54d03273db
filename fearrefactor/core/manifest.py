"""Rows of a manifest: which video, under which name, by which policy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fearrefactor.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_DIGESTED = re.compile(r"--[0-9a-f]{8}$")
_MAX_KEY_LENGTH = 100
_MAX_TEXT_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """One video to be done.

    ``number`` counts rows of the manifest from 1. ``policy`` is a name, path or URI, or None for
    the run's own. ``extra`` are columns that nobody here knows, carried into ``videos.parquet``.
    ``sha256`` is that of the content it must have, None if any will do.
    """

    number: int
    id: str
    uri: str
    policy: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None

    @property
    def key(self) -> str:
        """The id as it may stand in an object's key: never a path, never empty, never too long."""
        return clean(self.id)


def parse_row(number: int, columns: Mapping[str, object]) -> Row:
    """A row from the columns of a manifest.

    Raises:
        ManifestError: ``uri`` is missing, or a value is no text.
    """
    known = {name: _text(number, name, columns.get(name)) for name in ("uri", "id", "policy")}
    uri = known["uri"]
    if not uri:
        raise ManifestError(
            f"row {number} has no uri; expected a column 'uri' with a path or s3:// address, "
            f"found columns: {', '.join(map(str, columns)) or 'none'}"
        )
    extra = {
        str(name): str(value)
        for name, value in columns.items()
        if name not in known and value is not None
    }
    return Row(number, known["id"] or default_id(uri), uri, known["policy"] or None, extra)


def default_id(uri: str) -> str:
    """A readable id that no other URI has: the file's name and a digest of the whole."""
    stem = PurePosixPath(uri.rstrip("/")).stem
    return f"{_UNSAFE.sub('_', stem).strip('._-')[:60] or 'video'}-{_digest8(uri)}"


def clean(text: str) -> str:
    """``text`` as one safe path component; different texts stay different.

    A text that was changed ends in its digest, and so does one that only looks as if it had been.
    """
    safe = _UNSAFE.sub("_", text).lstrip(".")
    if safe == text and 0 < len(safe) <= _MAX_KEY_LENGTH and not _DIGESTED.search(safe):
        return safe
    return f"{safe[: _MAX_KEY_LENGTH - 10]}--{_digest8(text)}"


def _text(number: int, name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestError(f"row {number}: expected text in {name!r}, got {value!r}")
    if len(value) > _MAX_TEXT_LENGTH or "\x00" in value:
        raise ManifestError(f"row {number}: {name!r} is longer than {_MAX_TEXT_LENGTH} or has NUL")
    return value.strip()


def _digest8(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

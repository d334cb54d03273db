"""Rows that stand more than once in a manifest, known again in little memory."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from fearrefactor.core.manifest import Row

_MIN_RECENT: Final = 4096


class SeenRows:
    """Sixteen bytes for each id: eight of its digest, eight of what its first row says.

    They lie in two arrays ``(n,)`` uint64, in the order of the former; what has come since these
    were last sorted, an eighth of all at most, is in a dictionary.
    """

    def __init__(self) -> None:
        self._ids = np.zeros(0, np.uint64)
        self._said = np.zeros(0, np.uint64)
        self._recent: dict[int, int] = {}

    def admits(self, row: Row) -> bool:
        """Whether its id is new, or the first row with this id said the same in every column."""
        name = _digest(row.id)
        said = _digest(json.dumps([row.uri, row.policy, sorted(row.extra.items())]))
        before = self._recent.get(name) or self._sorted(name)
        if before is not None:
            return before == said
        self._recent[name] = said
        if len(self._recent) > max(_MIN_RECENT, len(self._ids) // 8):
            self._sort()
        return True

    def _sorted(self, name: int) -> int | None:
        at = int(np.searchsorted(self._ids, np.uint64(name)))
        if at == len(self._ids) or int(self._ids[at]) != name:
            return None
        return int(self._said[at])

    def _sort(self) -> None:
        n = len(self._recent)
        ids = np.concatenate([self._ids, np.fromiter(self._recent.keys(), np.uint64, n)])
        said = np.concatenate([self._said, np.fromiter(self._recent.values(), np.uint64, n)])
        self._recent.clear()
        order = np.argsort(ids)
        self._ids, self._said = ids[order], said[order]


def _digest(text: str) -> int:
    """Never 0."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]) or 1

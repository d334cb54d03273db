"""Removing what runs that died have left: scratch objects, claims, and what was never finished.

Results and logs are never touched: the places that are emptied are named here, and no others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.storage.objects import ObjectStore

#: Under an output's prefix: what lies here saves work, or proves something, for an hour or so.
SWEPT_PLACES = ("scratch/", "claims/")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something older than it should be. ``kind`` is its place, or ``unfinished``.

    ``size_bytes`` is 0 where the store does not say (uploads in parts).
    """

    kind: str
    uri: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Swept:
    """How many leftovers of a kind, and their bytes."""

    kind: str
    n: int
    size_bytes: int


def sweep(
    store: ObjectStore, prefix: str, before_s: float, *, dry_run: bool = False
) -> Iterator[Leftover]:
    """Remove what is under ``prefix`` and was left before ``before_s``, seconds since 1970.

    Each one that is told is gone, or with ``dry_run`` would be.

    Raises:
        StoreError: the store cannot be listed, or does not remove something.
    """
    for place in SWEPT_PLACES:
        for found in store.list(prefix + place):
            if found.modified_s < before_s:
                if not dry_run:
                    store.delete(found.key)
                yield Leftover(place.rstrip("/"), store.uri(found.key), found.size_bytes)
    for begun in store.unfinished(prefix):
        if begun.begun_s < before_s:
            if not dry_run:
                store.abandon(begun)
            yield Leftover("unfinished", store.uri(begun.key), begun.size_bytes)


def by_kind(leftovers: Iterator[Leftover]) -> list[Swept]:
    """What was taken from the iterator, by kind in the order of the alphabet."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for leftover in leftovers:
        found[leftover.kind].append(leftover.size_bytes)
    return [Swept(kind, len(sizes), sum(sizes)) for kind, sizes in sorted(found.items())]

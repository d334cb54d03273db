"""Which rows of a run are listed, and which videos are shown in detail; in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fearrefactor.errors import InputError
from fearrefactor.storage.report_columns import positions_of, read_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: A browser sorts and filters so many at once.
MOST_LISTED: Final = 50_000
_COLUMNS: Final = ("row", "outcome", "n_leaks", "n_frames", "n_masked_frames")


@dataclass(frozen=True)
class Chosen:
    """Positions in ``videos.parquet``, each array ``(n,)`` int64, ascending.

    ``urgency`` numbers ``detailed``: the least is looked at first.
    """

    listed: NDArray[np.int64]
    detailed: NDArray[np.int64]
    urgency: NDArray[np.int64]


@dataclass
class _Best:
    """The ``n`` least of what was offered, by any number of keys, the first one deciding."""

    n: int
    _kept: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _n_held: int = 0

    def offer(self, *columns: NDArray[Any]) -> None:
        """Arrays of one length; the last holds positions."""
        self._kept.append(columns)
        self._n_held += len(columns[0])
        if self._n_held > 2 * self.n + 10_000:
            self._trim()

    def best(self) -> NDArray[np.int64]:
        """Their positions, the best first."""
        self._trim()
        return self._kept[0][-1] if self._kept else np.empty(0, np.int64)

    def _trim(self) -> None:
        if not self._kept:
            return
        together = [np.concatenate(column) for column in zip(*self._kept, strict=True)]
        order = np.lexsort(together[::-1])[: self.n]
        self._kept = [tuple(column[order] for column in together)]
        self._n_held = len(order)


def choose(path: Path, n_details: int, only: Sequence[str] = ()) -> Chosen:
    """Choose from ``videos.parquet`` at ``path``.

    Listed are, where there are too many, videos for review first, then failed ones, then others;
    shown in detail those for review, those in which the audit closed leaks, failed ones, and what
    is masked most. With ``only`` ids, all videos of these ids are both, and no others.

    Raises:
        InputError: there is no video of such an id.
        StoreError: the file cannot be read.
    """
    wanted = _wanted(path, only) if only else None
    listed = _Best(MOST_LISTED)
    detailed = _Best(n_details if wanted is None else len(wanted))
    first = 0
    for columns in read_columns(path, _COLUMNS):
        here = np.arange(first, first + len(columns["row"]))
        first += len(here)
        if wanted is not None:
            taken = np.isin(here, wanted)
            here = here[taken]
            for name in _COLUMNS:
                columns[name] = columns[name][taken]
        is_review, has_failed = (columns["outcome"] == name for name in ("review", "failed"))
        listed.offer(np.where(is_review, 0, np.where(has_failed, 1, 2)), columns["row"], here)
        urgency = np.select([is_review, columns["n_leaks"] > 0, has_failed], [0, 1, 2], 3)
        detailed.offer(urgency, -_masked_share(columns), columns["row"], here)
    urgent = detailed.best()
    order = np.argsort(urgent)
    return Chosen(np.sort(listed.best()), urgent[order], order)


def _masked_share(columns: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Of each row the share of frames in which something is masked, ``(n,)``."""
    n_frames = np.nan_to_num(columns["n_frames"].astype(np.float64))
    n_masked = np.nan_to_num(columns["n_masked_frames"].astype(np.float64))
    return n_masked / np.maximum(n_frames, 1)


def _wanted(path: Path, only: Sequence[str]) -> NDArray[np.int64]:
    """Where the videos of these ids are."""
    each = {name: positions_of(path, [name]) for name in dict.fromkeys(only)}
    missing = [name for name, found in each.items() if not len(found)]
    if missing:
        raise InputError(
            f"this run has no video with the id {', '.join(map(repr, missing))}; expected ids as "
            "they stand in its videos.parquet"
        )
    return np.sort(np.concatenate(list(each.values())))

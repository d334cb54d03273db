"""The files that runs have left under an output: found, and fetched where they are far away."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from fearrefactor.core.run_facts import RunFacts
from fearrefactor.errors import InputError, NotFoundError, StoreError
from fearrefactor.pipeline.disk import explained_disk
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.report_log import read_facts
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from fearrefactor.storage.objects import ObjectStat, ObjectStore

#: More than this is announced before it is fetched.
ANNOUNCED_BYTES: Final = 200_000_000
_N_AT_ONCE: Final = 16
_PIECE_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class ReportedRun:
    """A run whose ``videos.parquet`` is here, at ``path``."""

    run_id: str
    uri: str
    path: Path
    facts: RunFacts


@dataclass(frozen=True)
class RunFiles:
    """What is under ``prefix`` (empty, or ends in a slash) of a store; copies go to ``folder``.

    ``say`` is told before much is fetched.
    """

    store: ObjectStore
    prefix: str
    folder: Path
    say: Callable[[str], None]

    def runs(self, run_id: str | None = None) -> tuple[ReportedRun, ...]:
        """All runs that have ended, by name, or the one.

        Raises:
            InputError: there are none.
            StoreError: they cannot be read.
        """
        folders = [self._run(name) for name in ([run_id] if run_id else self._names())]
        here = self.fetch({folder.report_key for folder in folders})
        if not here:
            where = folders[0].uri if run_id else self.store.uri(f"{self.prefix}runs")
            raise InputError(
                f"{where}: there is no report of a run; expected …/videos.parquet, which is written"
                " when all rows of a run have ended ('fearrefactor status' says how far it is)"
            )
        return tuple(
            ReportedRun(run.run_id, run.uri, path, self._facts(run, path))
            for run in folders
            if (path := here.get(run.report_key)) is not None
        )

    def fetch(self, keys: Iterable[str]) -> dict[str, Path]:
        """Files of these whole keys; those that are not there (any more) are left out.

        Files of a folder are read where they are.

        Raises:
            StoreError: the store cannot be read. DiskFullError.
        """
        with ThreadPoolExecutor(_N_AT_ONCE) as threads:
            stats = threads.map(self._stat, sorted(set(keys)))
            found = [stat for stat in stats if stat is not None]
            if isinstance(self.store, FolderStore):
                return {stat.key: self.store.root / stat.key for stat in found}
            n_bytes = sum(stat.size_bytes for stat in found)
            if n_bytes > ANNOUNCED_BYTES:
                where = self.store.uri(self.prefix)
                self.say(f"fetching {len(found)} files, {n_bytes / 1e6:.0f} MB, from {where}")
            return dict(zip((s.key for s in found), threads.map(self._copied, found), strict=True))

    def told(self, keys: Iterable[str], name: str) -> Mapping[str, str]:
        """What the metadata of these whole keys say under ``name``, where they do."""
        wanted = sorted(set(keys))
        with ThreadPoolExecutor(_N_AT_ONCE) as threads:
            found = zip(wanted, threads.map(self._stat, wanted), strict=True)
            return {
                key: stat.metadata[name] for key, stat in found if stat and name in stat.metadata
            }

    def _names(self) -> list[str]:
        above = f"{self.prefix}runs/"
        paths = (PurePosixPath(one.key.removeprefix(above)) for one in self.store.list(above))
        return sorted(
            path.parent.name
            for path in paths
            if path.name == "videos.parquet" and len(path.parts) == 2
        )

    def _run(self, name: str) -> RunFolder:
        return RunFolder(self.store, self.prefix, name)

    def _facts(self, run: RunFolder, path: Path) -> RunFacts:
        """Questions to a hundred runs do not end at one that says nothing of itself."""
        try:
            return read_facts(path)
        except StoreError as error:
            self.say(f"{run.uri}: nothing is known of this run as a whole: {error}")
            return RunFacts(run_id=run.run_id)

    def _stat(self, key: str) -> ObjectStat | None:
        try:
            return self.store.stat(key)
        except NotFoundError:
            return None

    def _copied(self, found: ObjectStat) -> Path:
        # Not by its key: one of a bucket may lead anywhere.
        path = self.folder / f"{hashlib.sha256(found.key.encode()).hexdigest()}.parquet"
        with (
            explained_disk(self.folder),
            self.store.open(found.key, found) as reader,
            path.open("wb") as file,
        ):
            while piece := reader.read(_PIECE_BYTES):
                file.write(piece)
        return path

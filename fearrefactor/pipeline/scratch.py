"""Scratch folders that are removed in the end, even if the process that used them was killed.

Each holds a file that its owner keeps locked for as long as it lives. The kernel takes the lock
from a process that dies, however it dies: whoever comes next on the same machine knows by that
which folders nobody will ever clean up. What is in them are masked packets and half a result.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from fearrefactor.errors import DiskFullError, StoreError
from fearrefactor.pipeline.disk import explained_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = "fearrefactor-"
LOCK: Final = ".in-use"


class Scratch:
    """A folder of this process's own under ``parent``, which is the temporary directory if None.

    Gone when it is closed, or with the process; one of a process that was killed goes with
    ``sweep``. Nobody else may read it.

    Raises:
        DiskFullError: there is no room for it. StoreError: it cannot be made.
    """

    def __init__(self, purpose: str, parent: Path | None = None) -> None:
        place = parent or Path(tempfile.gettempdir())
        with explained_disk(place):
            try:
                self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-", dir=place))
            except OSError as error:
                raise _not_made(error) from error
            try:
                lock = _locked(self.path)
            except OSError as error:
                shutil.rmtree(self.path, ignore_errors=True)
                raise _not_made(error) from error
        self._end = weakref.finalize(self, _remove_own, self.path, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._end()


@contextlib.contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A scratch folder for the length of a ``with`` block."""
    with Scratch(purpose) as scratch:
        yield scratch.path


@contextlib.contextmanager
def swept_scratch(purpose: str) -> Iterator[Path]:
    """As ``scratch_folder``; before and after it whatever dead processes have left is removed.

    After it, because actors do not end by themselves: they are killed at the end of a run.
    """
    sweep()
    try:
        with Scratch(purpose) as scratch:
            yield scratch.path
    finally:
        sweep()


def sweep(parent: Path | None = None) -> int:
    """Remove the scratch folders under ``parent`` whose owners are dead; how many there were.

    Only folders of this user, made by ``Scratch``. Any number of processes may sweep at once.
    """
    n_removed = 0
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        # One that vanishes meanwhile was removed by its owner; one that resists, stays.
        with contextlib.suppress(OSError):
            n_removed += _remove_dead(folder)
    return n_removed


def _not_made(error: OSError) -> Exception:
    """A disk that is full is explained further out."""
    if DiskFullError.is_meant_by(error):
        return error
    return StoreError(f"no scratch folder can be made: {error}; let TMPDIR name another place")


def _locked(folder: Path) -> int:
    """A descriptor that holds the lock. The file has its name only when it is locked already."""
    early = folder / f"{LOCK}-early"
    lock = os.open(early, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)  # no child inherits it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        early.rename(folder / LOCK)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _remove_dead(folder: Path) -> bool:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    lock = os.open(folder / LOCK, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    finally:
        os.close(lock)
    return True


def _remove_own(folder: Path, lock: int) -> None:
    try:
        # Somebody has cleared all temporary files, or a worker that was killed still writes: what
        # is left then is swept by whoever comes next.
        with contextlib.suppress(OSError):
            _remove(folder)
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """The lock last: whoever is killed on the way leaves what can still be swept."""
    for entry in list(folder.iterdir()):
        if entry.name == LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (folder / LOCK).unlink(missing_ok=True)
    folder.rmdir()

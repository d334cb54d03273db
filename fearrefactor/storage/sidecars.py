"""Metadata of files that are objects: small files beside them, under ``.meta/{name}/``.

The name of a sidecar holds the file's size and time of change, so that of several racing writers
the one whose link succeeds is the one whose metadata is read, and a copy that keeps times keeps it
too.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING

from fearrefactor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Beside the objects of each folder; holds ``{name}/{size}-{mtime}.json`` for each.
META_FOLDER = ".meta"


def write_sidecar(path: Path, temporary: Path, metadata: Mapping[str, str]) -> Path:
    """Write the sidecar of a file that is not visible at ``path`` yet; answers where it is.

    The time of ``temporary`` is changed if another writer's file has the same.
    """
    folder = path.parent / META_FOLDER / path.name
    while True:
        if not _made(folder):
            continue
        found = temporary.stat()
        sidecar = folder / _name(found)
        try:
            file = sidecar.open("x", encoding="ascii")
        except FileNotFoundError:  # the object was just deleted, and its folder with it
            continue
        except FileExistsError:  # another writer, same size, same tick of the clock
            later = found.st_mtime_ns + int.from_bytes(os.urandom(2)) * 1000
            os.utime(temporary, ns=(found.st_atime_ns, later))
            continue
        try:
            with file:
                json.dump(metadata, file)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(folder)
        except BaseException:
            sidecar.unlink(missing_ok=True)
            raise
        return sidecar


def _made(folder: Path) -> bool:
    """Make a folder, if it is not there; False if somebody has removed it meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(found.st_mode):
            raise
    return True


def read_sidecar(path: Path, found: os.stat_result) -> dict[str, str]:
    """The metadata of a file of which ``found`` was found; none if no store has written it.

    Raises:
        StoreError: it is not what was written.
    """
    sidecar = path.parent / META_FOLDER / path.name / _name(found)
    try:
        text = sidecar.read_text(encoding="ascii")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise StoreError(f"{sidecar} is not what was written: {error}") from error


def drop_sidecar(path: Path, found: os.stat_result) -> None:
    """Remove the sidecar of a file that was ``found`` at ``path``; those of its successors stay."""
    sidecar = path.parent / META_FOLDER / path.name / _name(found)
    sidecar.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others are in it
        sidecar.parent.rmdir()


def drop_sidecars(temporary: Path) -> None:
    """Remove the sidecar that waits for a file which never became an object."""
    found = temporary.stat()
    for sidecar in (temporary.parent / META_FOLDER).glob(f"*/{_name(found)}"):
        path = temporary.parent / sidecar.parent.name
        if not (path.exists() and _name(path.stat()) == sidecar.name):
            drop_sidecar(path, found)


def sync_folder(folder: Path) -> None:
    """What was written into a folder stays there, also if the machine dies now."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(found: os.stat_result) -> str:
    return f"{found.st_size:x}-{found.st_mtime_ns:x}.json"

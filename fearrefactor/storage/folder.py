"""A folder as a store: keys are relative paths, a hard link makes an object visible."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from fearrefactor.errors import (
    AlreadyExistsError,
    DiskFullError,
    NotFoundError,
    SourceChangedError,
    StoreError,
)
from fearrefactor.storage.objects import ObjectStat, Unfinished, opened, with_attempt
from fearrefactor.storage.reader import ObjectReader
from fearrefactor.storage.sidecars import (
    META_FOLDER,
    drop_sidecar,
    drop_sidecars,
    read_sidecar,
    sync_folder,
    write_sidecar,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Files on their way to becoming objects begin with this.
CREATING = ".creating-"
_COPY_BYTES = 1 << 20


class FolderStore:
    """Objects as files under ``root``, which is created with the first object.

    What is read may lie behind a symbolic link; what is created never leaves ``root``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def uri(self, key: str) -> str:
        """The path of the file."""
        return str(self.root / key)

    def stat(self, key: str) -> ObjectStat:
        """See ``ObjectStore``; ``etag`` is made of inode, size and time of change."""
        path = self._path(key)
        with _explained(path):
            found = path.stat()
            if not path.is_file():
                raise NotFoundError(f"{path}: there is something here, but no ordinary file")
            metadata = read_sidecar(path, found)
        return ObjectStat(key, found.st_size, _etag(found), metadata, found.st_mtime)

    def open(
        self, key: str, stat: ObjectStat | None = None, sums: bytes | None = None
    ) -> ObjectReader:
        """See ``ObjectStore``; no descriptor stays open between reads."""
        pinned = stat or self.stat(key)
        path = self._path(key)

        def fetch(offset: int, length: int) -> bytes:
            try:
                with _explained(path), path.open("rb", buffering=0) as file:
                    data = os.pread(file.fileno(), length, offset)
                    now = _etag(os.fstat(file.fileno()))
            except NotFoundError as error:
                raise SourceChangedError(f"{path} was removed while it was read") from error
            if now != pinned.etag:
                raise SourceChangedError(
                    f"{path} was overwritten while it was read: version {pinned.etag} is now {now}"
                )
            if len(data) != length:
                raise StoreError(f"{path}: expected {length} B at {offset}, got {len(data)} B")
            return data

        return ObjectReader(fetch, pinned.size_bytes, sums)

    def create(self, key: str, source: bytes | Path, metadata: Mapping[str, str]) -> None:
        """See ``ObjectStore``. Needs a file system with hard links."""
        path = self._path(key)
        kept = with_attempt(metadata)
        temporary = path.parent / f"{CREATING}{uuid.uuid4().hex}"
        sidecar: Path | None = None
        self._make_parent(path)
        with _explained(path):
            try:
                _copy(source, temporary)
                sidecar = write_sidecar(path, temporary, kept)
                _link(temporary, path)
                sidecar = None
                sync_folder(path.parent)
            finally:
                # In this order no sidecar is ever left without what tells that it is of no use.
                if sidecar is not None:
                    sidecar.unlink(missing_ok=True)
                temporary.unlink(missing_ok=True)

    def replace(self, key: str, content: bytes, content_type: str) -> None:  # noqa: ARG002
        """See ``ObjectStore``; what a browser makes of a file it tells by the file's name."""
        path = self._path(key)
        temporary = path.parent / f"{CREATING}{uuid.uuid4().hex}"
        self._make_parent(path)
        with _explained(path):
            try:
                _copy(content, temporary)
                temporary.replace(path)
                sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        """See ``ObjectStore``; does not follow linked folders, and a missing folder is empty."""
        folder = prefix.rpartition("/")[0]
        yield from _walk(self._under(prefix), f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        """See ``ObjectStore``."""
        path = self._path(key)
        with contextlib.suppress(NotFoundError), _explained(path):
            found = path.stat()
            path.unlink()
            drop_sidecar(path, found)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """See ``ObjectStore``: files that have not become objects."""
        for folder, folders, names in os.walk(self._under(prefix), onerror=_unless_missing):
            folders[:] = sorted(set(folders) - {META_FOLDER})
            for name in sorted(name for name in names if name.startswith(CREATING)):
                path = Path(folder, name)
                key = str(path.relative_to(self.root))
                with contextlib.suppress(NotFoundError), _explained(path):
                    found = path.lstat()
                    if key.startswith(prefix):
                        yield Unfinished(key, name, found.st_mtime, found.st_size)

    def abandon(self, unfinished: Unfinished) -> None:
        """See ``ObjectStore``; removes the metadata that lies ready for it, too."""
        temporary = self._under(unfinished.key.removesuffix(unfinished.token)) / unfinished.token
        with contextlib.suppress(NotFoundError), _explained(temporary):
            drop_sidecars(temporary)
            temporary.unlink()

    def _under(self, prefix: str) -> Path:
        folder = prefix.rpartition("/")[0]
        return self._path(folder) if folder else self.root

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise StoreError(f"{key!r} is no key of a folder: it must be a path inside {self.root}")
        if any(part == META_FOLDER or part.startswith(CREATING) for part in parts):
            raise StoreError(f"{key!r} uses a name that the store keeps for itself")
        return self.root.joinpath(*parts)

    def _make_parent(self, path: Path) -> None:
        try:
            with _explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
        except NotFoundError as error:
            raise StoreError(f"{path.parent} cannot be a folder: a file is in the way") from error
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise StoreError(f"{path} leads out of {self.root} through a symbolic link")


def _copy(source: bytes | Path, target: Path) -> None:
    with opened(source) as (body, size_bytes), target.open("xb") as file:
        shutil.copyfileobj(body, file, _COPY_BYTES)
        if file.tell() != size_bytes:
            raise StoreError(f"{source!s:.200} changed while it was stored")
        file.flush()
        os.fsync(file.fileno())


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise AlreadyExistsError(f"{path} exists already") from error
    except OSError as error:
        if error.errno in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
            raise StoreError(
                f"{path}: this file system has no hard links, which create-only writes need; "
                "choose a folder on another one"
            ) from error
        raise


def _walk(folder: Path, at: str, prefix: str) -> Iterator[ObjectStat]:
    """Depth first, in the order that the whole keys have as UTF-8."""
    try:
        with _explained(folder), os.scandir(folder) as entries:
            named = [
                (entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry)
                for entry in entries
                if entry.name != META_FOLDER and not entry.name.startswith(CREATING)
            ]
    except NotFoundError:
        return
    for name, entry in sorted(named, key=lambda pair: os.fsencode(pair[0])):
        key = at + name
        if name.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _walk(folder / entry.name, key, prefix)
        elif key.startswith(prefix) and entry.is_file():
            with contextlib.suppress(FileNotFoundError):  # removed since the folder was read
                found = entry.stat()
                yield ObjectStat(key, found.st_size, _etag(found), modified_s=found.st_mtime)


def _unless_missing(error: OSError) -> None:
    """``os.walk`` passes over folders that it cannot read; here they are an error."""
    if not isinstance(error, FileNotFoundError):
        raise StoreError(f"{error.filename}: {error.strerror}") from error


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of the operating system about ``path``, in the words of a store."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path}: there is no such file") from error
    except PermissionError as error:
        raise StoreError(
            f"{error.filename or path}: this user may not do that; check owner and mode",
            code="access_denied",
        ) from error
    except OSError as error:
        full = DiskFullError.is_meant_by(error)
        kind = DiskFullError if full else StoreError
        raise kind(f"{path}: {error.strerror or error}") from error

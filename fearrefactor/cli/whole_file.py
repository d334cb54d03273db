"""Files that people ask for by name: whole or not there, and nothing of theirs is lost."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from fearrefactor.errors import InputError, StoreError
from fearrefactor.pipeline.disk import explained_disk


def check_free(path: Path) -> None:
    """Refuse a name that is taken, before any work is done.

    Raises:
        InputError: it is.
    """
    if path.exists():
        raise InputError(f"{path} is already there; move it away or choose another name")


def write_whole(path: Path, content: bytes | Path, *, replace: bool = False) -> None:
    """Write ``content``, or a copy of a file, to ``path``.

    Raises:
        InputError: the name is taken and not to be replaced.
        StoreError: it cannot be written; nothing is left of it. DiskFullError.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with explained_disk(path.parent):
            if isinstance(content, Path):
                shutil.copyfile(content, partial)
            else:
                partial.write_bytes(content)
        if not replace:
            check_free(path)
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)

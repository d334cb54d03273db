"""Room on the disk: looked for before much is written, and told apart from all other errors."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING, Final

from fearrefactor.errors import DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Other videos of the machine end meanwhile, and leave theirs.
WAIT_S: Final = 20.0
_LOOK_S: Final = 0.2
_ADVICE: Final = "free some, or let TMPDIR name a larger disk"


def wait_for_room(folder: Path, n_bytes: int, wait_s: float = WAIT_S) -> None:
    """Return as soon as there is room for ``n_bytes`` on the disk of ``folder``.

    Raises:
        DiskFullError: there is none, even after ``wait_s``; at once if there never can be.
    """
    end = time.monotonic() + wait_s
    while True:
        disk = shutil.disk_usage(folder)
        if n_bytes <= disk.free:
            return
        if n_bytes > disk.total or time.monotonic() >= end:
            raise DiskFullError(
                f"{folder}: {n_bytes} bytes are needed, {disk.free} of {disk.total} are free; "
                f"{_ADVICE}"
            )
        time.sleep(_LOOK_S)


@contextlib.contextmanager
def explained_disk(folder: Path) -> Iterator[None]:
    """A disk without room, whoever comes upon it in ``folder``, becomes a ``DiskFullError``."""
    try:
        yield
    except OSError as error:
        if not DiskFullError.is_meant_by(error):
            raise
        raise DiskFullError(
            f"{error.filename or folder}: no room is left on the disk: {error.strerror or error}; "
            f"{_ADVICE}"
        ) from error

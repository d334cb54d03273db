"""Drivers that die in the middle of writing: at each change that a run makes to a folder store."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fearrefactor.storage import folder
from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nights import Night

DIED = 86


@dataclass(frozen=True)
class Crash:
    """At the ``n``-th object that is created or removed, from 1; ``amid``: written, not visible.

    Parts of the ledger are counted apart, because the clock decides how many there are.
    """

    n: int
    in_ledger: bool
    when: Literal["before", "amid", "after"]


def run_and_crash(night: Night, crash: Crash, scratch: Path) -> str | None:
    """The night by a driver in a copy of this process, with ``scratch`` for temporary files.

    Answers the key at which it died, without the prefix; None if it came to its end.
    """
    noted = scratch / "died-at"
    process = os.fork()
    if process == 0:
        status = 1
        try:
            tempfile.tempdir = str(scratch)
            _arm(crash, noted)
            status = int(night.run()[0].exit_code)
        except BaseException:  # noqa: BLE001 - nothing of this process may reach the test
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status in {0, DIED}
    return noted.read_text("utf-8") if status == DIED else None


def _arm(crash: Crash, noted: Path) -> None:
    """From now on this process dies at that change of a folder store, whichever thread makes it."""
    numbers, local = itertools.count(1), threading.local()
    link = folder._link

    def die() -> None:
        os._exit(DIED)

    def dying(change: Callable[..., None]) -> Callable[..., None]:
        def changed(store: FolderStore, key: str, *told: Any) -> None:
            is_counted = ("/ledger/" in key) == crash.in_ledger
            is_last = is_counted and next(numbers) == crash.n
            if is_last:
                noted.write_text(key, "utf-8")
                local.is_amid = crash.when == "amid"
                if crash.when == "before":
                    die()
            try:
                change(store, key, *told)
            finally:
                if is_last:
                    die()

        return changed

    def linked(temporary: Path, path: Path) -> None:
        if getattr(local, "is_amid", False):
            die()
        link(temporary, path)

    FolderStore.create = dying(FolderStore.create)  # type: ignore[method-assign]
    FolderStore.delete = dying(FolderStore.delete)  # type: ignore[method-assign]
    folder._link = linked

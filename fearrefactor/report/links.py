"""Where the files of a run are, and how a page gets to them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from fearrefactor.storage.objects import ObjectStore


@dataclass(frozen=True)
class Links:
    """From a page in the folder ``page_folder`` to objects of a store.

    A page that is not in a folder (None) leads nowhere: a bucket lets nobody in by a link alone.
    """

    store: ObjectStore
    page_folder: Path | None

    def place(self, key: str) -> str:
        """How people name the file."""
        return self.store.uri(key)

    def href(self, key: str) -> str | None:
        """The way there, relative to the page; None if there is none."""
        if self.page_folder is None or not isinstance(self.store, FolderStore):
            return None
        target = self.store.root / key
        return quote(Path(os.path.relpath(target, self.page_folder)).as_posix())

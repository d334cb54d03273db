"""The page of a run, made from its files and kept beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.report.collect import Wanted, collect
from fearrefactor.report.page import page_html
from fearrefactor.storage.folder import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.report.content import ReportContent
    from fearrefactor.storage.run_folder import RunFolder


def keep_page(run: RunFolder, path: Path, n_details: int = Wanted.n_details) -> ReportContent:
    """Write the page of a run, whose ``videos.parquet`` is at ``path``, into its own folder.

    It shows no unmasked picture. Answers what is on it.

    Raises:
        StoreError: ``path`` cannot be read, or the page cannot be written.
    """
    folder = None
    if isinstance(run.store, FolderStore):
        folder = (run.store.root / run.page_key).parent
    content = collect(run, path, Wanted(n_details), folder)
    run.keep_page(page_bytes(content))
    return content


def page_bytes(content: ReportContent) -> bytes:
    """The page as a file of HTML."""
    return b"".join(piece.encode() for piece in page_html(content))

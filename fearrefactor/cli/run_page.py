"""The page of a run that has ended: none of its troubles is one of the run's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.report.write import keep_page

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.storage.run_folder import RunFolder

_LOG = logging.getLogger(__name__)


def made_page(run: RunFolder, path: Path | None = None) -> str | None:
    """Write the page of a run that has its report; where it is, or None if it cannot be made.

    ``path`` is a copy of its ``videos.parquet`` that is here already. Without one a page that is
    there stays as it is.
    """
    try:
        if path is not None:
            keep_page(run, path)
        elif not run.has_page:
            with scratch_folder("report") as folder:
                copy = folder / "videos.parquet"
                run.fetch_report(copy)
                keep_page(run, copy)
    except Exception as error:  # noqa: BLE001 - all videos are done: no mistake here undoes that
        _LOG.warning(
            "%s: the page of this run could not be made (%s: %s); 'fearrefactor report %s' tries "
            "again",
            *(run.uri, type(error).__name__, error, run.uri),
        )
        return None
    return run.store.uri(run.page_key)

"""From the files of a run to what the report page shows.

No video is opened and no model loaded: everything comes from ``videos.parquet`` and, for the videos
that are shown in detail, from their plans and small pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fearrefactor.core.report import VideoReport
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.report.choose import choose
from fearrefactor.report.content import ReportContent, TableContent
from fearrefactor.report.details import Details
from fearrefactor.report.kept_logs import KeptLogs
from fearrefactor.report.links import Links
from fearrefactor.report.totals import run_content, totals_of
from fearrefactor.storage.report_columns import read_rows
from fearrefactor.storage.report_log import read_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.thumbnail import Thumbnail
    from fearrefactor.report.totals import Totals
    from fearrefactor.storage.run_folder import RunFolder

    #: Unmasked pictures of the moments of a video: JPEG by frame.
    Look = Callable[[VideoReport, Sequence[Thumbnail]], Mapping[int, bytes]]

_TABLE: Final = (
    *("row", "id", "uri", "outcome", "code", "reason", "policy_digest", "duration_s"),
    *("n_frames", "n_masked_frames", "n_leaks", "seconds"),
)


@dataclass(frozen=True)
class Wanted:
    """What is to be on the page.

    At most ``n_details`` videos in detail, and ``picture_bytes`` of JPEG in all. With ``only`` ids
    the page shows these videos, all of them in detail.
    """

    n_details: int = 500
    only: tuple[str, ...] = ()
    picture_bytes: int = 16 << 20


def collect(
    run: RunFolder, path: Path, wanted: Wanted, page_folder: Path | None, look: Look | None = None
) -> ReportContent:
    """What the page of a run shows; ``path`` is its ``videos.parquet``.

    ``page_folder`` is where the page will be, None if it will not be in a folder. ``look`` answers
    unmasked pictures of a source, for a page that is to show them.

    Raises:
        InputError: no video has one of the ids.
        StoreError: ``path`` cannot be read. A log that cannot be read is a note at its video.
    """
    facts = read_facts(path)
    totals = totals_of(path)
    chosen = choose(path, wanted.n_details, wanted.only)
    table = _table(path, chosen.listed, totals)
    rows = [VideoReport.model_validate(row) for row in read_rows(path, chosen.detailed)]
    by_urgency = [rows[number] for number in np.argsort(chosen.urgency)]
    with scratch_folder("report") as folder:
        logs = KeptLogs(run.store, run.output_prefix, folder)
        links = Links(run.store, page_folder)
        making = Details(logs, links, run.uri, wanted.picture_bytes, look)
        details = sorted(making.of(by_urgency), key=lambda detail: detail.row)
    return ReportContent(
        run=run_content(
            totals,
            facts,
            run.uri,
            making.classes(),
            n_listed=len(table.row),
            n_detailed=len(details),
        ),
        table=table,
        details=tuple(details),
        has_source=any(
            one.source_jpeg is not None for detail in details for one in detail.pictures
        ),
    )


def _table(path: Path, listed: NDArray[np.int64], totals: Totals) -> TableContent:
    """The rows at these positions, in the order of the manifest."""
    rows = sorted(read_rows(path, listed, _TABLE), key=lambda row: int(row["row"]))
    numbers = {
        digest: totals.number_of(digest) for digest in {row["policy_digest"] for row in rows}
    }

    def column(name: str, missing: Any = None) -> tuple[Any, ...]:
        return tuple(missing if row[name] is None else row[name] for row in rows)

    return TableContent(
        row=column("row"),
        id=column("id"),
        uri=column("uri", ""),
        outcome=column("outcome"),
        code=column("code", ""),
        reason=column("reason", ""),
        policy=tuple(numbers[row["policy_digest"]] for row in rows),
        duration_s=column("duration_s"),
        n_frames=column("n_frames"),
        n_masked_frames=column("n_masked_frames"),
        n_leaks=column("n_leaks", 0),
        seconds=tuple(sum(row["seconds"].values()) for row in rows),
    )

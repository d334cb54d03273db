"""A media child that can also be asked for a few frames, masked or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.plan import regions_as_json
from fearrefactor.media.child import FrameBatch, MediaChild

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.plan import Region
    from fearrefactor.core.video import SegmentTask


class GlimpseChild(MediaChild):
    """See ``MediaChild``."""

    def glimpse(
        self,
        task: SegmentTask,
        wanted: Sequence[int],
        *,
        box: Letterbox,
        batch: int,
        regions: Mapping[int, Sequence[Region]] | None = None,
    ) -> Iterator[FrameBatch]:
        """As ``frames``, but only those ``wanted``: ascending indices in the segment.

        With ``regions`` they are masked where these say, as a result's frames are before they are
        encoded.
        """
        head = {
            "do": "glimpse",
            "info": task.info.model_dump(mode="json"),
            "segment": task.segment.model_dump(),
            "regions": None if regions is None else regions_as_json(regions),
        }
        frames = np.array(wanted, np.int64)
        buffers = [task.pts.tobytes(), task.gops.as_bytes(), frames.tobytes()]
        n_pixels = task.info.width_px * task.info.height_px * task.segment.n_frames
        allowed_s = self._budget.decoding(self._source_bytes, n_pixels)
        yield from self._pictures(head, buffers, frames, box, batch, allowed_s=allowed_s)

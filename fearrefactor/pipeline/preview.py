"""A few frames of a video as a policy masks them, each by itself, before anything is run.

The model, the decision and the effects are those of a run. What a run does beyond that needs all
frames: it links things over time, masks them where they are lost from sight, and looks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.canvas import Canvas
from fearrefactor.core.decide import decide
from fearrefactor.core.detections import Detections
from fearrefactor.core.letterbox import fit
from fearrefactor.core.settings import ChildSettings, CutSettings, Limits
from fearrefactor.core.spread import spread_frames
from fearrefactor.core.verdict import union_share
from fearrefactor.media.glimpse_child import GlimpseChild
from fearrefactor.pipeline.detect import detect_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.video import SegmentTask, VideoIndex
    from fearrefactor.pipeline.detect import FrameBatch
    from fearrefactor.storage.reader import ObjectReader
    from fearrefactor.vision.segmenter import Segmenter

#: Longer side of a picture in pixels.
PICTURE_PX: Final = 512
_BATCH: Final = 8


@dataclass(frozen=True)
class Masked:
    """A region of a frame: ``name`` of its class, or why it is masked where it has none."""

    name: str
    score: float


@dataclass(frozen=True)
class PreviewFrame:
    """A frame as it is masked; ``share`` of the picture is.

    ``picture``: ``(height, width, 3)`` uint8 RGB, upright; ``source`` the same, unmasked, if that
    was asked for. ``time_s`` counts from the first frame.
    """

    frame: int
    time_s: float
    masked: tuple[Masked, ...]
    share: float
    picture: NDArray[np.uint8]
    source: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Preview:
    """Some frames of the video that ``index`` is of, in order."""

    index: VideoIndex
    frames: tuple[PreviewFrame, ...]


@dataclass(frozen=True)
class Previewer:
    """Shows what ``policy`` masks of what ``segmenter`` sees; scratch files go to ``folder``."""

    segmenter: Segmenter
    policy: Policy
    folder: Path

    def preview(self, source: ObjectReader, n_frames: int, *, with_source: bool) -> Preview:
        """At most ``n_frames`` frames of a source, spread over it.

        Raises:
            MediaError: it is no video that we take. ModelError: the model answers rubbish.
            PolicyError: the model lacks a class of the policy, or an effect cannot be used.
        """
        for name in self.policy.classes:
            self.segmenter.card.class_id(name)
        with GlimpseChild(source, self.folder, ChildSettings()) as child:
            index = child.index(Limits(), CutSettings())
            chosen = spread_frames(index.gops, n_frames)
            frames: list[PreviewFrame] = []
            for task in index.tasks():
                segment = task.segment
                wanted = [i for i in chosen if segment.first_frame <= i < segment.end_frame]
                if wanted:
                    glimpses = _Glimpses(child, wanted)
                    frames += self._frames(glimpses, task, index, with_source=with_source)
        return Preview(index, tuple(frames))

    def _frames(
        self, glimpses: _Glimpses, task: SegmentTask, index: VideoIndex, *, with_source: bool
    ) -> Iterator[PreviewFrame]:
        info = index.info
        seen = detect_segment(glimpses, task, self.segmenter, _BATCH)
        plan = {frame: self._decided(seen, frame, index) for frame in glimpses.wanted}
        box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, PICTURE_PX)
        sources = glimpses.pictures(task, box) if with_source else [None] * len(plan)
        pictures = glimpses.pictures(task, box, plan)
        for (frame, regions), picture, unmasked in zip(
            plan.items(), pictures, sources, strict=True
        ):
            yield PreviewFrame(
                frame=frame,
                time_s=float(index.canvas.times_s[frame]),
                masked=tuple(map(self._named, regions)),
                share=union_share({region.mask for region in regions}) if regions else 0.0,
                picture=picture,
                source=unmasked,
            )

    def _decided(self, seen: Detections, frame: int, index: VideoIndex) -> tuple[Region, ...]:
        """What is masked in a frame if it were all of the video."""
        canvas = index.canvas
        here = Canvas(canvas.width_px, canvas.height_px, canvas.times_s[frame : frame + 1])
        plan = decide(_alone(seen, frame), self.policy, self.segmenter.card, here)
        return plan.regions.get(0, ())

    def _named(self, region: Region) -> Masked:
        has_class = region.class_id >= 0
        classes = self.segmenter.card.classes
        name = classes[region.class_id] if has_class else region.provenance
        return Masked(name, region.score)


@dataclass(frozen=True)
class _Glimpses:
    """A ``FrameSource`` of some frames."""

    child: GlimpseChild
    wanted: Sequence[int]

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        return self.child.glimpse(task, self.wanted, box=box, batch=batch)

    def pictures(
        self,
        task: SegmentTask,
        box: Letterbox,
        regions: Mapping[int, Sequence[Region]] | None = None,
    ) -> list[NDArray[np.uint8]]:
        """All of them without padding, masked if ``regions`` are given."""
        found = self.child.glimpse(task, self.wanted, box=box, batch=_BATCH, regions=regions)
        rows = slice(box.top, box.top + box.height)
        columns = slice(box.left, box.left + box.width)
        return [picture[rows, columns].copy() for part in found for picture in part.pixels]


def _alone(seen: Detections, frame: int) -> Detections:
    """What was seen in one frame, as if it were the first."""
    here, looked = seen.frame == frame, seen.frames == frame
    zero = np.zeros(1, np.int64)
    return Detections(
        frames=zero,
        sketch=seen.sketch[looked],
        checksum=seen.checksum[looked],
        frame=np.zeros(int(here.sum()), np.int64),
        class_id=seen.class_id[here],
        score=seen.score[here],
        box=seen.box[here],
        mask=tuple(seen.mask[row] for row in np.flatnonzero(here)),
        surround=seen.surround[here],
    )

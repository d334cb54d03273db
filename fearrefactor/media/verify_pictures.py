"""Decodes a result as a player would, and holds its pictures against the source's and the plan.

Each run of rendered GOPs is decoded together with the copied GOP before it and the first frames of
the one after it, in one decoder: a splice shows there or nowhere. Of the other GOPs a few are
begun, or all are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.gops import runs
from fearrefactor.errors import FidelityError, MediaError
from fearrefactor.media.blocks import kept, layers
from fearrefactor.media.decode import checksum, segment_frames
from fearrefactor.media.likeness import check_picture
from fearrefactor.media.render import mask_frame
from fearrefactor.media.stencil import reach
from fearrefactor.media.thumbnails import thumbnail
from fearrefactor.media.verify_effects import prove_effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from fearrefactor.core.gops import Gops
    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import VerifyMode
    from fearrefactor.core.thumbnail import Moment, Thumbnail
    from fearrefactor.core.video import SegmentTask, VideoIndex, VideoInfo
    from fearrefactor.media.source import Source
    from fearrefactor.media.stencil import Rectangle

#: How many frames of a GOP are decoded to see that it begins well.
_BEGUN_FRAMES = 8
#: One in so many copied GOPs is begun, and the first and the last one are.
_SAMPLED = 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """GOPs that are decoded in one go, ``range(first_gop, end_gop)``, up to ``end_frame``."""

    first_gop: int
    end_gop: int
    end_frame: int


def stretches(gops: Gops, rendered: NDArray[np.bool_], mode: VerifyMode) -> list[Stretch]:
    """What is decoded of a result whose GOPs ``rendered`` ``(n_gops,)`` are not the source's."""
    whole, begun = rendered.copy(), np.zeros_like(rendered)
    for first, end in runs(rendered):
        whole[max(first - 1, 0)] = True
        begun[end : end + 1] = True
    copied = np.flatnonzero(~rendered)
    begun[[*copied[::_SAMPLED], *copied[-1:]]] = True
    if mode == "full":
        whole[:] = True
    out: list[Stretch] = []
    for first, end in runs(whole):
        if end < len(gops) and begun[end]:
            out.append(_begun(gops, first, end))
        else:
            out.append(Stretch(first, end, int(gops.first_frame[end])))
        begun[first : end + 1] = False
    out += [_begun(gops, gop, gop) for gop in np.flatnonzero(begun).tolist()]
    return sorted(out, key=lambda stretch: stretch.first_gop)


def _begun(gops: Gops, first: int, last: int) -> Stretch:
    end_frame = min(int(gops.first_frame[last]) + _BEGUN_FRAMES, int(gops.first_frame[last + 1]))
    return Stretch(first, last + 1, end_frame)


class PictureCheck:
    """The pictures of one result.

    ``found``: the task of all of its frames; ``rendered``: ``(n_gops,)`` bool, by GOPs of the
    source; ``checksums``: ``(n_frames,)`` uint32, of the source's frames. ``thumbnails`` are of
    those ``moments`` that were found to be masked as planned.
    """

    def __init__(
        self,
        index: VideoIndex,
        found: SegmentTask,
        rendered: NDArray[np.bool_],
        regions: Mapping[int, Sequence[Region]],
        checksums: NDArray[np.uint32],
        *,
        moments: Sequence[Moment] = (),
    ) -> None:
        self.thumbnails: list[Thumbnail] = []
        self._moments = {moment.frame: moment for moment in moments}
        self._index = index
        self._found = found
        self._rendered = rendered
        self._is_rendered = np.repeat(rendered, index.gops.n_frames)
        self._regions = regions
        self._checksums = checksums
        self._proven: set[str] = set()

    def run(self, source: Source, result: Source, mode: VerifyMode) -> int:
        """Decode what is to be decoded, in order; answers how many frames were compared.

        Raises:
            FidelityError: a frame is not what it should be.
            MediaError: the source cannot be decoded any more.
        """
        n_compared = 0
        source_frames = self._source_frames(source)
        for stretch in stretches(self._index.gops, self._rendered, mode):
            for number, frame in self._result_frames(result, stretch):
                if self._is_rendered[number]:
                    self._check_rendered(number, frame, next(source_frames))
                elif checksum(frame) != int(self._checksums[number]):
                    raise FidelityError(
                        f"frame {number}, copied: expected the picture that was inspected "
                        f"(checksum {self._checksums[number]:08x}), got {checksum(frame):08x}"
                    )
                n_compared += 1
        return n_compared

    def _check_rendered(
        self, number: int, frame: VideoFrame, before: tuple[int, VideoFrame]
    ) -> None:
        source_number, source = before
        if source_number != number:
            raise FidelityError(f"expected frame {number} of the source, got {source_number}")
        regions = self._regions.get(number, ())
        info = self._index.info
        bare = mask_frame(source, (), info)
        if regions:
            # An image is turned upright when it is written, and its masks are not: all is kept.
            within = None if info.is_image else _around(regions, info)
            unmasked = kept(layers(bare, within))
            planned = layers(mask_frame(source, regions, info))
        else:
            unmasked = planned = layers(bare)
        if frame.format.name != bare.format.name:  # an image whose codec has formats of its own
            frame = frame.reformat(format=bare.format.name, threads=1)
        check_picture(number, unmasked, planned, layers(frame))
        if regions and number in self._moments:
            moment, time_s = self._moments[number], self._index.time_s(number)
            self.thumbnails.append(thumbnail(frame, self._found.info, moment, time_s))
        for region in regions:
            if region.effect.kind not in self._proven:
                self._proven.add(region.effect.kind)
                prove_effect(source, region, info)

    def _source_frames(self, source: Source) -> Iterator[tuple[int, VideoFrame]]:
        """All frames that were rendered, decoded in the same runs as when they were."""
        for task in self._index.tasks():
            for first, end in runs(self._rendered[task.segment.gops]):
                run = task.part(first, end)
                if run.segment.n_frames:
                    yield from segment_frames(source, run)

    def _result_frames(self, result: Source, stretch: Stretch) -> Iterator[tuple[int, VideoFrame]]:
        """Damage is an error in what we have encoded; in a copy it may be the source's own."""
        starts = self._index.gops.first_frame[[stretch.first_gop, stretch.end_gop]]
        first, end = np.searchsorted(self._found.gops.first_frame, starts).tolist()
        task = self._found.part(first, end)
        strict = bool(self._rendered[stretch.first_gop : stretch.end_gop].any())
        if not task.segment.n_frames:
            return
        try:
            for number, frame in segment_frames(result, task, strict=strict):
                if number == stretch.end_frame:
                    return
                yield number, frame
        except MediaError as error:
            raise FidelityError(f"the result cannot be read back: {error}") from error


def _around(regions: Sequence[Region], info: VideoInfo) -> Rectangle:
    """Pixels of the coded frame outside which nothing is masked."""
    found = [
        reach(region.mask, info.rotation_deg, info.width_px, info.height_px) for region in regions
    ]
    tops, bottoms, lefts, rights = zip(*found, strict=True)
    return min(tops), max(bottoms), min(lefts), max(rights)

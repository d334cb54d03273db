"""The media child process, as its parent sees it.

Everything that parses uploaded bytes happens in the child, which reads the source only through its
parent (see ``child_process`` and ``sandbox``). A child serves one video and is then thrown away.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fearrefactor.core.gops import Gops
from fearrefactor.core.plan import regions_as_json
from fearrefactor.core.thumbnail import Thumbnail
from fearrefactor.core.video import Segment, SegmentTask, VideoIndex, VideoInfo
from fearrefactor.errors import FidelityError, MediaError
from fearrefactor.media.child_process import ChildProcess
from fearrefactor.media.coded import CodedPacket, CodedSegment
from fearrefactor.media.thumbnails import LONG_SIDE_PX, MOST_BYTES
from fearrefactor.media.verify import Verified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
    from fearrefactor.media.verify import Expected
    from fearrefactor.media.wire import Message

#: A result may be so many times as large as what goes into it: small packets in a TS double.
_MUXED_IN: Final = 2
_JPEG_MAGIC: Final = b"\xff\xd8\xff"


@dataclass(frozen=True)
class FrameBatch:
    """Frames at the model's size.

    ``frames``: indices in the video, ``(n,)`` int64; ``pixels``: ``(n, height, width, 3)`` uint8
    RGB in memory shared with the child, valid until the next batch is asked for; ``checksums``:
    ``(n,)`` uint32, of the frames as they were decoded.
    """

    frames: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    checksums: NDArray[np.uint32]


class MediaChild(ChildProcess):
    """A child process that works on one source. Use it in a ``with`` statement.

    Its methods raise what the child raised (``MediaError`` and its kin) and what a
    ``ChildProcess`` raises.
    """

    def index(self, limits: Limits, cut: CutSettings) -> VideoIndex:
        """Properties, frame times and segments of the source."""
        answer, (pts, gops) = self._ask(
            {"do": "index", "limits": limits.model_dump(), "cut": cut.model_dump()},
            allowed_s=self._budget.reading(self._source_bytes),
        )
        return VideoIndex(
            info=VideoInfo.model_validate(answer["info"]),
            segments=tuple(Segment.model_validate(segment) for segment in answer["segments"]),
            pts=np.frombuffer(pts, np.int64),
            gops=Gops.from_bytes(gops),
        )

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """Frames of a segment, upright and letterboxed, up to ``batch`` at a time.

        The child decodes the next batch while the caller works on this one.
        """
        first, end = task.segment.first_frame, task.segment.end_frame
        head = {"do": "frames", **_of(task)}
        allowed_s = self._budget.decoding(self._source_bytes, _pixels(task))
        wanted = np.arange(first, end)
        yield from self._pictures(head, _buffers(task), wanted, box, batch, allowed_s=allowed_s)

    def coded(self, task: SegmentTask) -> CodedSegment:
        """The packets of a segment, for a decoder that is not in the child."""
        allowed_s = self._budget.decoding(self._source_bytes, _pixels(task))
        self._begin({"do": "coded", **_of(task)}, *_buffers(task), allowed_s=allowed_s)
        answer, (header,) = self._hear()
        return CodedSegment(str(answer["codec"]), header, self._packets(task))

    def _packets(self, task: SegmentTask) -> Iterator[CodedPacket]:
        n = 0
        while not (told := self._hear())[0].get("end"):
            described, (piece,) = told[0]["packets"], told[1]
            n += len(described)
            if sum(size for size, *_ in described) != len(piece) or n > task.segment.n_packets:
                raise MediaError("the child tells of other packets than it gives")
            start = 0
            for size, pts, dts, is_keyframe in described:
                data = piece[start : start + size]
                yield CodedPacket(data, int(pts), None if dts is None else int(dts), is_keyframe)
                start += size
        if n != task.segment.n_packets:
            raise MediaError(f"expected {task.segment.n_packets} packets, the child gave {n}")

    def rendered_frames(
        self,
        task: SegmentTask,
        packets: Path,
        *,
        wanted: NDArray[np.int64],
        settings: RenderSettings,
        box: Letterbox,
        batch: int,
    ) -> Iterator[FrameBatch]:
        """As ``frames``, of a segment that was rendered with ``settings``.

        ``packets``: a file of its packed packets, under ``scratch``; ``wanted``: ``(n,)`` frame
        indices, ascending.
        """
        told = {"packets": str(packets), "settings": settings.model_dump()}
        head = {"do": "rendered_frames", **told, **_of(task)}
        buffers = [*_buffers(task), wanted.tobytes()]
        allowed_s = self._budget.decoding(packets.stat().st_size, _pixels(task))
        yield from self._pictures(head, buffers, wanted, box, batch, allowed_s=allowed_s)

    def _pictures(
        self,
        head: Message,
        buffers: list[bytes],
        expected: NDArray[np.int64],
        box: Letterbox,
        batch: int,
        *,
        allowed_s: float,
    ) -> Iterator[FrameBatch]:
        """The frames ``expected``, shrunk by the child into shared memory."""
        shape = (2, batch, box.input_height, box.input_width, 3)
        n_bytes = int(np.prod(shape))
        if os.fstat(self._memory).st_size < n_bytes:
            os.ftruncate(self._memory, n_bytes)
        shared = mmap.mmap(self._memory, n_bytes, mmap.MAP_SHARED, mmap.PROT_READ)
        pixels = np.frombuffer(shared, np.uint8).reshape(shape)  # it keeps the mapping alive
        self._begin({**head, "box": box.as_dict(), "batch": batch}, *buffers, allowed_s=allowed_s)
        half = done = 0
        while n := int((told := self._hear())[0]["n"]):
            checksums = np.frombuffer(told[1][0], np.uint32)
            if not 0 < n <= min(batch, len(expected) - done) or len(checksums) != n:
                raise MediaError(
                    f"expected up to {min(batch, len(expected) - done)} frames, "
                    f"the child tells of {n}"
                )
            self._say({"do": "more"})  # into the other half
            yield FrameBatch(expected[done : done + n], pixels[half, :n], checksums)
            half, done = 1 - half, done + n
        if done != len(expected):
            raise MediaError(
                f"expected {len(expected)} frames of segment {head['segment']['index']}, "
                f"the child gave {done}"
            )

    def render(
        self,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
        settings: RenderSettings,
    ) -> Iterator[bytes]:
        """Packed packets of the GOPs ``wanted`` ``(n_gops,)`` of a segment, in pieces of a few MiB.

        They are masked where ``regions`` says.
        """
        told = regions_as_json(regions)
        head = {"settings": settings.model_dump(), "regions": told, **_of(task)}
        allowed_s = self._budget.rendering(self._source_bytes, _pixels(task))
        buffers = [*_buffers(task), wanted.tobytes()]
        self._begin({"do": "render", **head}, *buffers, allowed_s=allowed_s)
        while True:
            answer, pieces = self._hear()
            if answer.get("end"):
                return
            yield pieces[0]

    def assemble(
        self,
        index: VideoIndex,
        rendered: Sequence[Path],
        wanted: NDArray[np.bool_],
        settings: RenderSettings,
        keep_tags: Sequence[str] = (),
    ) -> Path:
        """Mux a result in the child's own directory; answers its path, gone when the child is.

        ``rendered``: files of packed packets under ``scratch``, in order, of the GOPs ``wanted``
        ``(n_gops,)``; the source's own are copied for the others. ``keep_tags``: see ``Policy``.
        """
        head = {
            "info": index.info.model_dump(mode="json"),
            "rendered": [str(path) for path in rendered],
            "settings": settings.model_dump(),
            "keep_tags": list(keep_tags),
        }
        buffers = [index.gops.as_bytes(), wanted.tobytes()]
        n_bytes = self._source_bytes + sum(path.stat().st_size for path in rendered)
        answer, _ = self._ask(
            {"do": "assemble", **head},
            *buffers,
            allowed_s=self._budget.reading(n_bytes),
            file_bytes=_MUXED_IN * n_bytes,
        )
        return Path(self._folder.name) / Path(answer["name"]).name

    def verify(self, result: Path, expected: Expected, limits: Limits) -> Verified:
        """Hold a result, made by another child under ``scratch``, against source and plan.

        Raises:
            FidelityError: it differs, not every rendered frame was compared, or there is no picture
                of each of the moments.
        """
        index, regions = expected.index, expected.regions
        head = {
            "info": index.info.model_dump(mode="json"),
            "segments": [segment.model_dump() for segment in index.segments],
            "result": str(result),
            "limits": limits.model_dump(),
            "whole": expected.whole,
            "mode": expected.mode,
            "moments": [(moment.frame, moment.why) for moment in expected.moments],
        }
        masked = np.fromiter(sorted(regions), np.int64)
        arrays = (index.pts, expected.checksums, masked)
        buffers = [index.gops.as_bytes(), *(array.tobytes() for array in arrays)]
        n_bytes = self._source_bytes + result.stat().st_size
        n_pixels = 2 * index.info.width_px * index.info.height_px * index.n_frames
        allowed_s = self._budget.decoding(n_bytes, n_pixels)
        answer, jpegs = self._ask({"do": "verify", **head}, *buffers, allowed_s=allowed_s)
        while "segment" in answer:  # the plan of one segment after the other
            asked = index.segments[int(answer["segment"])]
            here = range(asked.first_frame, asked.end_frame)
            told = {frame: regions[frame] for frame in here if frame in regions}
            self._say({"do": "regions", "regions": regions_as_json(told)})
            answer, jpegs = self._hear()
        n_compared = int(answer["n_compared"])
        rendered = index.to_render(regions, whole=expected.whole)
        n_rendered = int(index.gops.n_frames[rendered].sum())
        if n_compared < max(n_rendered, 1):
            raise FidelityError(
                f"expected at least {max(n_rendered, 1)} frames of the result compared, the "
                f"verifier tells of {n_compared}"
            )
        thumbnails = _thumbnails(expected, answer["pictures"], jpegs)
        return Verified(result, str(answer["sha256"]), n_compared, thumbnails)


def _thumbnails(
    expected: Expected, told: Sequence[Sequence[int]], jpegs: Sequence[bytes]
) -> tuple[Thumbnail, ...]:
    """The pictures that were asked for, and nothing else.

    Raises:
        FidelityError: the verifier gives others, or none.
    """
    frames = [moment.frame for moment in expected.moments]
    is_small = all(0 < side <= LONG_SIDE_PX for _, *sides in told for side in sides)
    are_jpegs = all(one.startswith(_JPEG_MAGIC) and len(one) <= MOST_BYTES for one in jpegs)
    if [frame for frame, *_ in told] != frames or not (is_small and are_jpegs):
        raise FidelityError(
            f"expected small pictures of the masked frames {frames}, the verifier gave others"
        )
    return tuple(
        Thumbnail(moment, expected.index.time_s(moment.frame), width, height, jpeg)
        for moment, (_, width, height), jpeg in zip(expected.moments, told, jpegs, strict=True)
    )


def _pixels(task: SegmentTask) -> int:
    """Of all frames of a segment."""
    return task.info.width_px * task.info.height_px * task.segment.n_frames


def _of(task: SegmentTask) -> Message:
    return {"info": task.info.model_dump(mode="json"), "segment": task.segment.model_dump()}


def _buffers(task: SegmentTask) -> list[bytes]:
    return [task.pts.tobytes(), task.gops.as_bytes()]

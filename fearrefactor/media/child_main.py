"""The media child process from inside: it answers its parent until the parent hangs up."""

from __future__ import annotations

import errno
import mmap
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import av.error
import av.logging
import cv2
import numpy as np
from av import library_versions

from fearrefactor.core.gops import Gops
from fearrefactor.core.letterbox import Letterbox
from fearrefactor.core.plan import regions_from_json
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.core.thumbnail import Moment
from fearrefactor.core.video import Segment, SegmentTask, VideoIndex, VideoInfo
from fearrefactor.errors import DiskFullError, FearRefactorError, LimitError, MediaError
from fearrefactor.media.asked_regions import AskedRegions
from fearrefactor.media.assemble import assemble
from fearrefactor.media.coded import coded_segment
from fearrefactor.media.decode import checksum, segment_frames, shrink
from fearrefactor.media.feed import FedSource
from fearrefactor.media.ffmpeg_version import check_ffmpeg
from fearrefactor.media.glimpse import LastGlimpses
from fearrefactor.media.index import index_source
from fearrefactor.media.render import as_written, mask_frame, render_segment
from fearrefactor.media.rendered import rendered_frames
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import Expected, verify
from fearrefactor.media.wire import Message, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from av.video.frame import VideoFrame

    from fearrefactor.core.plan import Region
    from fearrefactor.media.sandbox import Start

_PIECE_BYTES = 4 << 20
#: Small enough that the first frames are decoded while the rest of a segment is read.
_CODED_PIECE_BYTES = 1 << 18
_CROWDED = 0.75


class Child:
    """Answers one request after the other; each method is what one request does."""

    def __init__(self, begun: Start) -> None:
        self._control = Connection(begun.control)
        self._feed = Connection(begun.feed)
        self._memory = begun.memory
        self._begun = begun
        self._source = FedSource(self._feed, 0)
        self._glimpses = LastGlimpses()
        self._does: dict[str, Callable[[Message, list[bytes]], None]] = {
            "start": self._start,
            "index": self._index,
            "frames": self._frames,
            "glimpse": self._glimpse,
            "coded": self._coded,
            "rendered_frames": self._rendered_frames,
            "render": self._render,
            "assemble": self._assemble,
            "verify": self._verify,
        }

    def serve(self) -> None:
        """Until the parent hangs up."""
        while True:
            try:
                head, buffers = receive(self._control)
            except (EOFError, OSError):
                return
            try:
                self._does[head["do"]](head, buffers)
            except Exception as error:  # noqa: BLE001 - the parent fails the video and says why
                told = as_told(error, self._begun.memory_share())
                kind = type(told).__name__
                self._say({"error": kind, "code": told.code, "message": str(told)})

    def _say(self, head: Message, *buffers: bytes) -> None:
        send(self._control, head, *buffers)

    def _start(self, head: Message, _: list[bytes]) -> None:
        check_ffmpeg(library_versions)
        self._source = FedSource(self._feed, head["size"])
        confinement = self._begun.confinement
        self._say({"walls": confinement.walls, "missing": confinement.missing})

    def _index(self, head: Message, _: list[bytes]) -> None:
        index = index_source(
            self._source,
            Limits.model_validate(head["limits"]),
            CutSettings.model_validate(head["cut"]),
        )
        self._say(
            {
                "info": index.info.model_dump(mode="json"),
                "segments": [segment.model_dump() for segment in index.segments],
            },
            index.pts.tobytes(),
            index.gops.as_bytes(),
        )

    def _frames(self, head: Message, buffers: list[bytes]) -> None:
        task = _task(head, buffers)
        self._hand_out(segment_frames(self._source, task), task.info.rotation_deg, head)

    def _glimpse(self, head: Message, buffers: list[bytes]) -> None:
        task = _task(head, buffers)
        wanted = np.frombuffer(buffers[2], np.int64).tolist()
        frames = self._glimpses.frames(self._source, task, wanted)
        if head["regions"] is None:
            self._hand_out(frames, task.info.rotation_deg, head)
            return
        self._glimpses.forget()  # masks are laid into these very frames
        plan = regions_from_json(head["regions"])
        masked = ((i, mask_frame(frame, plan.get(i, ()), task.info)) for i, frame in frames)
        self._hand_out(masked, as_written(task.info).rotation_deg, head)

    def _coded(self, head: Message, buffers: list[bytes]) -> None:
        """Hand out packets, and decode nothing."""
        segment = coded_segment(self._source, _task(head, buffers))
        self._say({"codec": segment.codec}, segment.header)
        told: list[tuple[int, int, int | None, bool]] = []
        piece = bytearray()
        for packet in segment.packets:
            told.append((len(packet.data), packet.pts, packet.dts, packet.is_keyframe))
            piece += packet.data
            if len(piece) >= _CODED_PIECE_BYTES:
                self._say({"packets": told}, bytes(piece))
                told.clear()
                piece.clear()
        if told:
            self._say({"packets": told}, bytes(piece))
        self._say({"end": True})

    def _rendered_frames(self, head: Message, buffers: list[bytes]) -> None:
        task = _task(head, buffers)
        wanted = set(np.frombuffer(buffers[2], np.int64).tolist())
        settings = RenderSettings.model_validate(head["settings"])
        found = rendered_frames(Path(head["packets"]), task, settings)
        frames = ((index, frame) for index, frame in found if index in wanted)
        self._hand_out(frames, as_written(task.info).rotation_deg, head)

    def _hand_out(
        self, frames: Iterable[tuple[int, VideoFrame]], rotation_deg: int, head: Message
    ) -> None:
        """Shrink frames into shared memory, up to a batch at a time."""
        box = Letterbox(**head["box"])
        batch = int(head["batch"])
        shape = (2, batch, box.input_height, box.input_width, 3)
        pixels = np.frombuffer(mmap.mmap(self._memory, int(np.prod(shape))), np.uint8)
        pixels = pixels.reshape(shape)
        half = 0
        checksums: list[int] = []
        for _, frame in frames:
            shrink(frame, box, rotation_deg, pixels[half, len(checksums)])
            checksums.append(checksum(frame))
            if len(checksums) == batch:
                self._hand_over(checksums)
                half, checksums = 1 - half, []
        if checksums:
            self._hand_over(checksums)
        self._say({"n": 0})

    def _hand_over(self, checksums: list[int]) -> None:
        """Tell of frames and go on only when the parent is done with the other half."""
        self._say({"n": len(checksums)}, np.array(checksums, np.uint32).tobytes())
        head, _ = receive(self._control)
        if head["do"] != "more":
            raise MediaError("the parent stopped asking for frames")

    def _render(self, head: Message, buffers: list[bytes]) -> None:
        task = _task(head, buffers)
        packets = render_segment(
            self._source,
            task,
            regions_from_json(head["regions"]),
            np.frombuffer(buffers[2], np.bool_),
            RenderSettings.model_validate(head["settings"]),
        )
        piece = bytearray()
        for packet in packets:
            piece += packet.pack()
            if len(piece) >= _PIECE_BYTES:
                self._say({}, bytes(piece))
                piece.clear()
        if piece:
            self._say({}, bytes(piece))
        self._say({"end": True})

    def _assemble(self, head: Message, buffers: list[bytes]) -> None:
        gops, wanted = buffers
        splice = Splice(
            VideoInfo.model_validate(head["info"]),
            Gops.from_bytes(gops),
            np.frombuffer(wanted, np.bool_),
            RenderSettings.model_validate(head["settings"]),
        )
        rendered = [Path(name) for name in head["rendered"]]
        path = assemble(self._source, splice, rendered, Path.cwd(), head["keep_tags"])
        self._say({"name": path.name})

    def _verify(self, head: Message, buffers: list[bytes]) -> None:
        index = VideoIndex(
            info=VideoInfo.model_validate(head["info"]),
            segments=tuple(Segment.model_validate(segment) for segment in head["segments"]),
            pts=np.frombuffer(buffers[1], np.int64),
            gops=Gops.from_bytes(buffers[0]),
        )
        expected = Expected(
            index=index,
            regions=AskedRegions(index, np.frombuffer(buffers[3], np.int64), self._regions_of),
            checksums=np.frombuffer(buffers[2], np.uint32),
            whole=head["whole"],
            mode=head["mode"],
            moments=tuple(Moment(*told) for told in head["moments"]),
        )
        limits = Limits.model_validate(head["limits"])
        proof = verify(self._source, Path(head["result"]), expected, limits)
        told = {"sha256": proof.sha256, "n_compared": proof.n_compared}
        sizes = [(one.moment.frame, one.width_px, one.height_px) for one in proof.thumbnails]
        self._say({**told, "pictures": sizes}, *(one.jpeg for one in proof.thumbnails))

    def _regions_of(self, segment: int) -> dict[int, tuple[Region, ...]]:
        """Ask the parent for its plan of one segment."""
        self._say({"segment": segment})
        head, _ = receive(self._control)
        if head["do"] != "regions":
            raise MediaError("the parent does not say what was to be masked")
        return regions_from_json(head["regions"])


def _task(head: Message, buffers: list[bytes]) -> SegmentTask:
    info = VideoInfo.model_validate(head["info"])
    segment = Segment.model_validate(head["segment"])
    return SegmentTask(info, segment, _times(buffers), Gops.from_bytes(buffers[1]))


def _times(buffers: list[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.frombuffer(buffers[0], np.int64)


def as_told(error: Exception, memory_share: float) -> FearRefactorError:
    """What the parent hears of an error. A limit that the process ran into is not the file's.

    ``memory_share``: how much of its memory was used. Encoders do not say what they lack.
    """
    cause: BaseException | None = error
    while cause is not None:
        crowded = isinstance(cause, av.error.ExternalError) and memory_share > _CROWDED
        if isinstance(cause, MemoryError) or crowded:
            return LimitError(
                "it takes more memory than the media process may have (--media-memory allows more)",
                code="limit_memory",
            )
        if isinstance(cause, OSError) and cause.errno == errno.EFBIG:
            return LimitError("the result is far larger than its source", code="limit_output")
        if DiskFullError.is_meant_by(cause):
            return DiskFullError(
                f"no room is left on the disk for a result: {cause}; free some, or let TMPDIR name "
                "a larger one"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, FearRefactorError):
        return error
    return MediaError(f"{type(error).__name__}: {error}")


def serve(begun: Start) -> None:
    """Answer the parent on the descriptors that were inherited, until it hangs up."""
    av.logging.set_level(av.logging.ERROR)
    cv2.setNumThreads(1)
    Child(begun).serve()

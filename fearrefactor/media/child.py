"""The media child process, as its parent sees it.

Everything that parses uploaded bytes happens in the child: it has no credentials in its
environment, an empty directory of its own, and reads the source only through its parent. A child
serves one video and is then thrown away.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from fearrefactor.core.gops import Gops
from fearrefactor.core.plan import regions_as_json
from fearrefactor.core.video import Segment, SegmentTask, VideoIndex, VideoInfo
from fearrefactor.errors import MediaError, WorkerLostError, from_wire
from fearrefactor.media.child_environment import child_environment
from fearrefactor.media.feed import SourceFeed
from fearrefactor.media.source import size_of
from fearrefactor.media.wire import Message, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
    from fearrefactor.media.source import Source
    from fearrefactor.media.verify import Expected

#: A child that says nothing for so long, and longer for a large source, is taken for hung.
_LEAST_PATIENCE_S = 600.0
_SLOWEST_BYTES_PER_S = 200_000


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


class MediaChild:
    """A child process that works on one source. Use it in a ``with`` statement.

    Its methods raise what the child raised (``MediaError`` and its kin), what reading the source
    raised (``StoreError``), or ``WorkerLostError`` when the process died.
    """

    def __init__(self, source: Source, scratch: Path) -> None:
        size = size_of(source)
        self._patience_s = _LEAST_PATIENCE_S + size / _SLOWEST_BYTES_PER_S
        self._folder = tempfile.TemporaryDirectory(prefix="child-", dir=scratch)
        self._control, control_end = Pipe()
        feed, feed_end = Pipe()
        self._memory_file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed in close()
        ends = (control_end.fileno(), feed_end.fileno(), self._memory_file.fileno())
        self._log = (Path(self._folder.name) / "log.txt").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fearrefactor.media.child_main", *map(str, ends)],
            pass_fds=ends,
            cwd=self._folder.name,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        control_end.close()
        feed_end.close()
        self._feed = SourceFeed(source, feed)
        self._doing = "starting"
        try:
            self._ask({"do": "start", "size": size})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its directory."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._feed.close()
        self._log.close()
        self._memory_file.close()
        self._folder.cleanup()

    def index(self, limits: Limits, cut: CutSettings) -> VideoIndex:
        """Properties, frame times and segments of the source."""
        answer, (pts, gops) = self._ask(
            {"do": "index", "limits": limits.model_dump(), "cut": cut.model_dump()}
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
        yield from self._pictures(head, _buffers(task), np.arange(first, end), box, batch)

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

        ``packets``: a file of its packed packets; ``wanted``: ``(n,)`` frame indices, ascending.
        """
        told = {"packets": str(packets), "settings": settings.model_dump()}
        head = {"do": "rendered_frames", **told, **_of(task)}
        buffers = [*_buffers(task), wanted.tobytes()]
        yield from self._pictures(head, buffers, wanted, box, batch)

    def _pictures(
        self,
        head: Message,
        buffers: list[bytes],
        expected: NDArray[np.int64],
        box: Letterbox,
        batch: int,
    ) -> Iterator[FrameBatch]:
        """The frames ``expected``, shrunk by the child into shared memory."""
        shape = (2, batch, box.input_height, box.input_width, 3)
        n_bytes = int(np.prod(shape))
        os.ftruncate(self._memory_file.fileno(), n_bytes)
        shared = mmap.mmap(self._memory_file.fileno(), n_bytes, mmap.MAP_SHARED, mmap.PROT_READ)
        pixels = np.frombuffer(shared, np.uint8).reshape(shape)  # it keeps the mapping alive
        self._say({**head, "box": box.as_dict(), "batch": batch}, *buffers)
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
        self._say({"do": "render", **head}, *_buffers(task), wanted.tobytes())
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

        ``rendered``: files of packed packets, in order, of the GOPs ``wanted`` ``(n_gops,)``; the
        source's own are copied for the others. ``keep_tags``: see ``Policy``.
        """
        head = {
            "info": index.info.model_dump(mode="json"),
            "rendered": [str(path) for path in rendered],
            "settings": settings.model_dump(),
            "keep_tags": list(keep_tags),
        }
        buffers = [index.gops.as_bytes(), wanted.tobytes()]
        answer, _ = self._ask({"do": "assemble", **head}, *buffers)
        return Path(self._folder.name) / Path(answer["name"]).name

    def verify(self, result: Path, expected: Expected, limits: Limits) -> None:
        """Hold a result, made by another child, against the source and the plan."""
        index, regions = expected.index, expected.regions
        head = {
            "info": index.info.model_dump(mode="json"),
            "segments": [segment.model_dump() for segment in index.segments],
            "result": str(result),
            "limits": limits.model_dump(),
            "whole": expected.whole,
            "mode": expected.mode,
        }
        masked = np.fromiter(sorted(regions), np.int64)
        arrays = (index.pts, expected.checksums, masked)
        buffers = [index.gops.as_bytes(), *(array.tobytes() for array in arrays)]
        answer, _ = self._ask({"do": "verify", **head}, *buffers)
        while "segment" in answer:  # the plan of one segment after the other
            asked = index.segments[int(answer["segment"])]
            here = range(asked.first_frame, asked.end_frame)
            told = {frame: regions[frame] for frame in here if frame in regions}
            answer, _ = self._ask({"do": "regions", "regions": regions_as_json(told)})

    def _ask(self, head: Message, *buffers: bytes) -> tuple[Message, list[bytes]]:
        self._say(head, *buffers)
        return self._hear()

    def _say(self, head: Message, *buffers: bytes) -> None:
        self._doing = head["do"]
        try:
            send(self._control, head, *buffers)
        except OSError as error:
            raise self._lost() from error

    def _hear(self) -> tuple[Message, list[bytes]]:
        try:
            if not self._control.poll(self._patience_s):
                raise self._hung()
            head, buffers = receive(self._control)
        except (EOFError, OSError, ValueError) as error:
            raise self._lost() from error
        if self._feed.error is not None:
            raise self._feed.error
        if "error" in head:
            raise from_wire(str(head["error"]), str(head["code"]), str(head["message"]))
        return head, buffers

    def _hung(self) -> Exception:
        return WorkerLostError(
            f"the media process said nothing for {self._patience_s:.0f} s during '{self._doing}'"
        )

    def _lost(self) -> Exception:
        if self._feed.error is not None:
            return self._feed.error
        self._process.kill()
        status = self._process.wait()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        log = (Path(self._folder.name) / "log.txt").read_text(errors="replace").strip()
        last = f": {log.splitlines()[-1][:200]}" if log else ""
        return WorkerLostError(f"the media process {how} during '{self._doing}'{last}")


def _of(task: SegmentTask) -> Message:
    return {"info": task.info.model_dump(mode="json"), "segment": task.segment.model_dump()}


def _buffers(task: SegmentTask) -> list[bytes]:
    return [task.pts.tobytes(), task.gops.as_bytes()]

"""The steps of a video as one process does them: it knows nothing of who schedules it."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from fearrefactor.core.moments import moments
from fearrefactor.errors import DamagedReadError, LimitError, MediaError, ModelError
from fearrefactor.media.child import MediaChild
from fearrefactor.media.verify import Expected
from fearrefactor.pipeline.audit import RenderedFrames
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.pipeline.device_frames import DeviceFrames
from fearrefactor.pipeline.disk import WAIT_S, explained_disk, wait_for_room
from fearrefactor.pipeline.job import PinnedSource, Published, Survey
from fearrefactor.pipeline.logs import Logs
from fearrefactor.pipeline.publish import Output
from fearrefactor.pipeline.stopwatch import Stopwatch
from fearrefactor.storage.first_reading import read_first
from fearrefactor.storage.locations import check_under, locate, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.plan import Region
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.pipeline.detect import FrameSource
    from fearrefactor.pipeline.device_frames import OnDevice
    from fearrefactor.pipeline.job import JobSettings, Logged, Seen
    from fearrefactor.storage.reader import ObjectReader
    from fearrefactor.vision.segmenter import Segmenter

_log = logging.getLogger(__name__)


class VideoWorker:
    """Does steps of videos, one at a time, with a media child for each video.

    The child stays for as long as steps of the same video come; it never sees a second one.
    ``scratch`` is a folder that is removed when this process is killed, too (see ``Scratch``).
    """

    #: How long to wait for room on the disk.
    room_wait_s: ClassVar[float] = WAIT_S

    def __init__(
        self,
        settings: JobSettings,
        segmenter: Segmenter | None,
        scratch: Path,
        on_device: OnDevice | None = None,
    ) -> None:
        self._settings = settings
        self._segmenter = segmenter
        self._on_device = on_device
        with explained_disk(scratch):
            self._folder = tempfile.TemporaryDirectory(prefix="video-", dir=scratch)
        # Boto3 takes a tenth of a second to make a client, and most rows name the same bucket.
        self._store = lru_cache(maxsize=8)(partial(open_store, settings=settings.s3))
        self._output = Output(self._store(settings.output_root), settings.output_prefix)
        place = settings.logs
        self._logs = (
            self._output.logs if place is None else Logs(self._store(place.store_root), place.key)
        )
        self._child: MediaChild | None = None
        self._child_of: PinnedSource | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def scratch(self) -> Path:
        """A directory of this worker's own."""
        return Path(self._folder.name)

    def close(self) -> None:
        """End the child and remove all scratch files."""
        self._drop_child()
        self._folder.cleanup()

    def survey(self, uri: str) -> Survey:
        """Pin a source, take its checksum, and index it.

        Raises:
            ManifestError: it names no place, or one from which this run does not read.
            StoreError: it cannot be read. MediaError: it is not a video that we take.
        """
        place = locate(uri)
        check_under(place, uri, self._settings.sources_under)
        store = self._store(place.store_root)
        source = PinnedSource(uri, place.store_root, store.stat(place.key))
        n_bytes = source.stat.size_bytes
        self._settings.limits.check("bytes", n_bytes, f"{n_bytes} bytes")  # before any is read
        try:
            return self._look(source)
        except DamagedReadError:  # of two readings one was wrong, and nobody knows which
            return self._look(source)

    def find(self, row_key: str, work_ids: Sequence[str]) -> tuple[str, Published] | None:
        """What an earlier run published for the first of these works that any did, and which."""
        for work_id in work_ids:
            published = self._output.find(row_key, work_id)
            if published is not None:
                return work_id, published
        return None

    def logged(self, row_key: str, detect_id: str) -> Logged | None:
        """Detections that an earlier run has logged, read whole; None where there are none."""
        found = self._logs.detections(row_key, detect_id)
        if found is None or found.kept is None:
            return found
        if self._settings.logs is not None:
            return replace(found, kept=None)
        return replace(found, is_published=self._output.is_made_from(row_key, found.kept))

    def detect(self, source: PinnedSource, task: SegmentTask) -> tuple[Detections, float]:
        """Detections of one segment, and the seconds they took."""
        if self._segmenter is None:
            raise ModelError(
                "no detections of this content, by this model and its settings, are logged, and "
                "there is no model here; mask it anew",
                code="no_detections",
            )
        watch = Stopwatch()
        with watch.stage("detect"):
            found = self._seen_on_device(source, task, self._segmenter)
            if found is None:
                with self._working_on(source) as child:
                    found = self._seen(child, task, self._segmenter)
        return found, watch.seconds()["detect"]

    def render(
        self,
        source: PinnedSource,
        task: SegmentTask,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> Iterator[bytes]:
        """Packed packets of the masked GOPs ``wanted`` of one segment, in pieces."""
        with self._working_on(source) as child:
            yield from child.render(task, regions, wanted, self._settings.render)

    def audit(
        self, source: PinnedSource, task: SegmentTask, rendered: Path, frames: Sequence[int]
    ) -> tuple[Detections, float]:
        """Detections in some frames of a rendered segment, and the seconds they took.

        ``rendered``: a file of its packed packets; ``frames``: indices in the video, ascending.
        """
        if self._segmenter is None:
            raise ModelError("there is no model here to audit with; use --audit none")
        watch = Stopwatch()
        with watch.stage("audit"), self._working_on(source) as child:
            again = RenderedFrames(child, rendered, frames, self._settings.render)
            found = detect_segment(again, task, self._segmenter, self._settings.batch)
        return found, watch.seconds()["audit"]

    def hold(self, name: str, packets: Iterable[bytes]) -> Path:
        """Write packed packets, which come in pieces, into a file ``name`` in ``scratch``.

        Raises:
            DiskFullError: there is no room for them; nothing is left of the file.
        """
        path = self.scratch / name
        try:
            with explained_disk(self.scratch), path.open("wb") as file:
                for piece in packets:
                    wait_for_room(self.scratch, len(piece), self.room_wait_s)
                    file.write(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def finish(self, seen: Seen, rendered: Sequence[Path], *, whole: bool) -> Published:
        """Put a result together, have it verified by another process, publish it.

        ``rendered``: files of packed packets, in order, of the GOPs that the plan wants rendered,
        or of all if ``whole``; the others are copied from the source.

        Raises:
            FidelityError: the result is not what it should be; nothing was published.
            DiskFullError: there is no room for it.
        """
        source, index = seen.survey.source, seen.survey.index
        settings = self._settings
        wanted = index.to_render(seen.plan.regions, whole=whole)
        watch = Stopwatch()
        n_copied = source.stat.size_bytes - int(index.gops.n_bytes[wanted].sum())
        n_bytes = n_copied + sum(path.stat().st_size for path in rendered)
        wait_for_room(self.scratch, n_bytes, self.room_wait_s)
        with (
            explained_disk(self.scratch),
            tempfile.TemporaryDirectory(prefix="result-", dir=self.scratch) as folder,
        ):
            with watch.stage("assemble"), self._working_on(source) as child:
                made = child.assemble(index, rendered, wanted, settings.render, seen.keep_tags)
                result = made.rename(Path(folder) / made.name)
            self._drop_child()  # whoever has written it can no longer touch it
            with (
                watch.stage("verify"),
                self._open(source) as file,
                MediaChild(file, self.scratch, settings.child) as verifier,
            ):
                expected = Expected(
                    index=index,
                    regions=seen.plan.regions,
                    checksums=seen.detections.checksum,
                    whole=whole,
                    mode=settings.verify,
                    moments=moments(seen.plan),
                )
                verified = verifier.verify(result, expected, settings.limits)
            with watch.stage("publish"):
                published = self._output.publish(seen, verified)
        return replace(published, seconds=watch.seconds())

    def _look(self, source: PinnedSource) -> Survey:
        watch = Stopwatch()
        with watch.stage("checksum"):
            first = read_first(self._store(source.store_root), source.stat)
        pinned = replace(source, sums=first.sums)
        with watch.stage("index"), self._working_on(pinned) as child:
            index = child.index(self._settings.limits, self._settings.cut)
        return Survey(pinned, first.sha256, index, watch.seconds(), child.confinement.gaps)

    def _seen(self, frames: FrameSource, task: SegmentTask, segmenter: Segmenter) -> Detections:
        settings = self._settings
        return detect_segment(frames, task, segmenter, settings.batch, settings.reuse_within)

    def _seen_on_device(
        self, source: PinnedSource, task: SegmentTask, segmenter: Segmenter
    ) -> Detections | None:
        """Detections of frames that a device has decoded; None where the child is to decode them.

        That a source is broken, or of a kind that nobody can decode, is for the child to say.
        """
        device = self._on_device
        if device is None or not device.decoder.takes(task.info):
            return None
        try:
            with self._working_on(source) as child:
                return self._seen(DeviceFrames(child, device), task, segmenter)
        except MediaError as error:
            if isinstance(error, LimitError):
                raise
            _log.warning("%s: decoded in the child after all: %s", source.uri, error)
            return None

    @contextlib.contextmanager
    def _working_on(self, source: PinnedSource) -> Iterator[MediaChild]:
        """The child of this source; after any error a child is not used again."""
        if self._child is None or self._child_of != source:
            self._drop_child()
            with explained_disk(self.scratch):
                self._child = MediaChild(self._open(source), self.scratch, self._settings.child)
            self._child_of = source
        try:
            yield self._child
        except BaseException:
            self._drop_child()
            raise

    def _open(self, source: PinnedSource) -> ObjectReader:
        store = self._store(source.store_root)
        return store.open(source.stat.key, source.stat, source.sums)

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = self._child_of = None

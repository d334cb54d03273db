"""The actor that does steps of videos. It adds nothing to them but a process on some node."""

from __future__ import annotations

import os
import queue
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from ray.exceptions import ObjectLostError

from fearrefactor.cluster.metrics import TimedSegmenter
from fearrefactor.cluster.packed import unpack, unpack_seen, unpack_subject
from fearrefactor.errors import InputError, MediaError, PacketsLostError
from fearrefactor.media.device_decode import DeviceDecoder
from fearrefactor.pipeline.deciding import Decided, decided
from fearrefactor.pipeline.device_frames import OnDevice
from fearrefactor.pipeline.log_lines import SUBJECT, start_logging
from fearrefactor.pipeline.scratch import Scratch, sweep
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.vision.batcher import DynamicBatcher
from fearrefactor.vision.canary import Shown, Watched, watch
from fearrefactor.vision.catalog import ModelFile, cache_dir
from fearrefactor.vision.load import Device, load_segmenter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.cluster.packed import Packed
    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import Region
    from fearrefactor.core.policy import Policy
    from fearrefactor.pipeline.job import JobSettings, Logged, Published, Survey
    from fearrefactor.vision.segmenter import DetectSettings

#: How long a GPU waits for more frames before it runs a batch that is not full.
_MAX_WAIT_S = 0.005


@dataclass(frozen=True)
class ModelShipment:
    """A model for workers that can reach neither a hub nor the driver's disk.

    ``data`` is the file in Ray's object store: it travels to each node once. ``shown`` is what it
    must prove itself with. Metrics of it are those of the run of this name.
    """

    file: ModelFile
    settings: DetectSettings
    device: Device
    data: ray.ObjectRef[bytes]
    shown: Shown
    run_id: str

    def load(self) -> Watched:
        """The model, its file written into this machine's cache if it is not there yet.

        Raises:
            BlindModelError: it does not see what it must see.
        """
        cache = cache_dir(os.environ)
        folder = cache / "shipped" / self.file.sha256[:16]
        path = folder / self.file.path.name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(ray.get(self.data))
            Path(file.name).replace(path)
        segmenter = load_segmenter(
            replace(self.file, path=path),
            self.settings,
            device=self.device,
            threads=1,
            cache=cache,
        )
        return watch(TimedSegmenter(segmenter, self.run_id), self.file.target, self.shown)


class Worker:
    """One process with ``slots`` videos in hand and at most one model.

    On a CPU there is one slot: a core decodes or infers. On a GPU several slots feed one model
    through a dynamic batcher, because one decoder cannot keep it busy; with ``decode`` it also
    decodes and shrinks their frames, a session a slot.
    """

    def __init__(
        self,
        settings: JobSettings,
        model: ModelShipment | None,
        slots: int,
        *,
        decode: bool = False,
    ) -> None:
        start_logging(settings.log, settings.run_id)
        sweep()  # what a worker that was killed on this machine has left
        self._scratch = Scratch("actor", settings.scratch)
        self._segmenter = model.load() if model is not None else None
        if self._segmenter is not None and slots > 1:
            max_batch = settings.batch * slots
            self._segmenter = self._segmenter.through(
                lambda model: DynamicBatcher(model, max_batch, _MAX_WAIT_S)
            )
        self._free: queue.LifoQueue[VideoWorker] = queue.LifoQueue()
        on_device = _on_gpu() if decode else None
        for _ in range(slots):
            made = VideoWorker(settings, self._segmenter, self._scratch.path, on_device)
            self._free.put(made)

    def close(self) -> None:
        """End its media children and remove its files; nothing is asked of it afterwards."""
        while not self._free.empty():
            self._free.get_nowait().close()
        self._scratch.close()

    def card(self) -> ModelCard | None:
        """Of its model, once that is loaded; None for a worker without one."""
        return self._segmenter.card if self._segmenter is not None else None

    def node_id(self) -> str:
        """Of the node that it runs on, once it has started."""
        return str(ray.get_runtime_context().get_node_id())

    def survey(self, about: bytes, uri: str) -> Survey:
        """As ``VideoWorker.survey``."""
        with self._worker(about) as worker:
            return worker.survey(uri)

    def find(
        self, about: bytes, row_key: str, work_ids: Sequence[str]
    ) -> tuple[str, Published] | None:
        """As ``VideoWorker.find``."""
        with self._worker(about) as worker:
            return worker.find(row_key, work_ids)

    def logged(self, about: bytes, row_key: str, detect_id: str) -> Logged | None:
        """As ``VideoWorker.logged``."""
        with self._worker(about) as worker:
            return worker.logged(row_key, detect_id)

    def detect(self, about: bytes, packed: Packed) -> tuple[Detections, float]:
        """As ``VideoWorker.detect``."""
        with self._worker(about) as worker:
            return worker.detect(*unpack(packed))

    def decide(
        self, about: bytes, detections: Detections, policy: Policy, card: ModelCard, canvas: Canvas
    ) -> Decided:
        """As ``decided``: it takes a place of its own, for it is work for a core."""
        with self._worker(about):
            return decided(detections, policy, card, canvas)

    @ray.method(num_returns=2)
    def render(
        self,
        about: bytes,
        packed: Packed,
        regions: Mapping[int, Sequence[Region]],
        wanted: NDArray[np.bool_],
    ) -> tuple[bytes, float]:
        """All packed packets of a segment's rendered GOPs, and seconds.

        They are two objects, so that the driver waits for the second and never holds the first.
        """
        start = time.perf_counter()
        with self._worker(about) as worker:
            packets = b"".join(worker.render(*unpack(packed), regions, wanted))
        return packets, time.perf_counter() - start

    def audit(
        self,
        about: bytes,
        packed: Packed,
        rendered: Sequence[ray.ObjectRef[bytes]],
        frames: Sequence[int],
    ) -> tuple[Detections, float]:
        """As ``VideoWorker.audit``; ``rendered`` holds the packets of the one segment.

        Raises:
            PacketsLostError: they are gone.
        """
        with self._worker(about) as worker:
            path = worker.hold("audited.packets", _packets(rendered))
            try:
                return worker.audit(*unpack(packed), path, frames)
            finally:
                path.unlink()

    def finish(
        self, about: bytes, packed: bytes, rendered: Sequence[ray.ObjectRef[bytes]], *, whole: bool
    ) -> Published:
        """As ``VideoWorker.finish``; packets are fetched one segment at a time.

        Raises:
            PacketsLostError: some of them are gone.
        """
        with self._worker(about) as worker:
            paths: list[Path] = []
            try:
                for number, packets in enumerate(_packets(rendered)):
                    paths.append(worker.hold(f"{number}.packets", [packets]))
                return worker.finish(unpack_seen(packed), paths, whole=whole)
            finally:
                for path in paths:
                    path.unlink()

    @contextmanager
    def _worker(self, about: bytes) -> Iterator[VideoWorker]:
        """One that is free; what it logs meanwhile is ``about`` the packed subject."""
        worker = self._free.get()
        before = SUBJECT.set(unpack_subject(about))
        try:
            yield worker
        finally:
            SUBJECT.reset(before)
            self._free.put(worker)


def _on_gpu() -> OnDevice:
    """Ray shows a process one GPU, its number 0.

    Raises:
        InputError: it cannot decode.
    """
    from fearrefactor.vision.device_pictures import Shrinker  # it imports torch

    decoder, shrink = DeviceDecoder("cuda:0"), Shrinker("cuda:0")
    shrink.enter()
    try:
        decoder.check()
    except MediaError as error:
        raise InputError(f"--gpu-decode: {error}; leave it out") from error
    return OnDevice(decoder, shrink)


def _packets(rendered: Sequence[ray.ObjectRef[bytes]]) -> Iterator[bytes]:
    """Those of one segment after the other; before it ends it knows all that are lost."""
    lost: list[int] = []
    why: ObjectLostError | None = None
    for number, reference in enumerate(rendered):
        try:
            packets = ray.get(reference)
        except ObjectLostError as error:
            lost.append(number)
            why = error
        else:
            if not lost:
                yield packets
    if lost:
        raise PacketsLostError(tuple(lost)) from why

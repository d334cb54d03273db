"""CPU milliseconds per frame and stage for one clip, on one core and in this one process.

    python benchmarks/stages.py [--clip FILE] [--classes person] [--runs 3] [--json]

The clip goes through the stages frame by frame as in a worker, and is rendered whole (see
smart_rendering.py for what is not). Each stage is measured with the CPU
time of the whole process, so that what a library does in threads of its own counts too; the sum is
what a frame costs and the largest line is what bounds it. The median of the runs is printed. The
demo clip is taken from the catalog where none is named.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
from av.video.frame import PictureType

from fearrefactor.cli.run import versions
from fearrefactor.core.decide import decide
from fearrefactor.core.letterbox import fit
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.media.assemble import assemble
from fearrefactor.media.child import FrameBatch
from fearrefactor.media.decode import checksum, segment_frames, shrink
from fearrefactor.media.encode import choose_encoder, open_encoder
from fearrefactor.media.index import index_source
from fearrefactor.media.packets import EncodedPacket
from fearrefactor.media.render import mask_frame
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import Expected, verify
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, find, pull, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings, Segmenter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from fearrefactor.core.detections import Detections, Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.video import SegmentTask

STAGES = (
    *("index", "decode (detect)", "shrink", "checksum", "model", "collect", "decide"),
    *("decode (render)", "mask", "encode", "assemble", "verify"),
)


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside towards ``name``, and not towards a stage around it."""
        start = time.process_time()
        inner = sum(self.seconds.values())
        yield
        counted = sum(self.seconds.values()) - inner
        self.seconds[name] += time.process_time() - start - counted


class TimedFrames:
    """A frame source that decodes in this process, a frame at a time."""

    def __init__(self, file: BinaryIO, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """See ``pipeline.detect.FrameSource``; ``batch`` is 1 here."""
        pixels = np.empty((batch, box.input_height, box.input_width, 3), np.uint8)
        decoder = segment_frames(self._file, task)
        while True:
            with self._clock.stage("decode (detect)"):
                index, frame = next(decoder, (None, None))
            if index is None or frame is None:
                return
            with self._clock.stage("shrink"):
                shrink(frame, box, task.info.rotation_deg, pixels[0])
            with self._clock.stage("checksum"):
                told = np.array([checksum(frame)], np.uint32)
            yield FrameBatch(np.array([index]), pixels, told)


class TimedModel:
    """A segmenter that counts what the one behind it costs."""

    def __init__(self, model: Segmenter, clock: Clock) -> None:
        self.card = model.card
        self._model = model
        self._clock = clock

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """See ``Segmenter.segment``."""
        with self._clock.stage("model"):
            return self._model.segment(frames)


def one_run(clip: Path, model: Segmenter, policy: Policy) -> dict[str, float]:
    """CPU milliseconds per frame by stage."""
    clock = Clock()
    settings = RenderSettings()
    with clip.open("rb") as file, tempfile.TemporaryDirectory() as folder:
        with clock.stage("index"):
            index = index_source(file, Limits(), CutSettings(min_segment_frames=10**9))
        (task,) = index.tasks()
        with clock.stage("collect"):
            seen: Detections = detect_segment(
                TimedFrames(file, clock), task, TimedModel(model, clock), 1
            )
        with clock.stage("decide"):
            plan = decide(seen, policy, model.card, index.canvas)
        packets = Path(folder) / "0.packets"
        ends = [*index.pts[1:].tolist(), task.segment.end_pts]
        next_pts = dict(zip(index.pts.tolist(), ends, strict=True))
        encoder = open_encoder(index.info, choose_encoder(index.info, settings))
        decoder = segment_frames(file, task)
        with packets.open("wb") as out:
            while True:
                with clock.stage("decode (render)"):
                    number, frame = next(decoder, (None, None))
                masked = None
                if number is not None and frame is not None:
                    with clock.stage("mask"):
                        masked = mask_frame(frame, plan.regions.get(number, ()), index.info)
                        begins = number in index.gops.first_frame
                        masked.pict_type = PictureType.I if begins else PictureType.NONE
                with clock.stage("encode"):
                    for packet in encoder.encode(masked):
                        pts = packet.pts or 0
                        told = EncodedPacket(
                            pts, next_pts[pts] - pts, packet.is_keyframe, bytes(packet)
                        )
                        out.write(told.pack())
                if masked is None:
                    break
        whole = np.ones(len(index.gops), bool)
        with clock.stage("assemble"):
            splice = Splice(index.info, index.gops, whole, settings)
            result = assemble(file, splice, [packets], Path(folder))
        with clock.stage("verify"):
            expected = Expected(index, plan.regions, seen.checksum, whole=True)
            verify(file, result, expected, Limits())
    return {name: 1000 * clock.seconds[name] / index.n_frames for name in STAGES}


@click.command()
@click.option("--clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--classes", default="person", show_default=True)
@click.option("--model", "spec", default=DEFAULT_MODEL, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(clip: Path | None, classes: str, spec: str, runs: int, *, as_json: bool) -> None:
    """Print CPU ms per frame and stage."""
    cv2.setNumThreads(1)
    cache = cache_dir(os.environ)
    clip = clip or pull(find("bikes"), cache)
    model = load_segmenter(
        resolve(spec, cache), DetectSettings(), device="cpu", threads=1, cache=cache
    )
    policy = Policy(rules=(Rule(classes=tuple(classes.split(","))),))
    with clip.open("rb") as file:
        index = index_source(file, Limits(), CutSettings())
    warm_up(model, index.info.width_px, index.info.height_px, index.info.display_aspect)
    measured = [one_run(clip, model, policy) for _ in range(runs)]
    medians = {name: statistics.median(run[name] for run in measured) for name in STAGES}
    if as_json:
        print(json.dumps({"clip": clip.name, "ms_per_frame": medians, "versions": versions()}))
        return
    print(f"{clip.name}: {index.n_frames} frames {index.info.width_px} × {index.info.height_px}")
    print(f"{model.card.name} on {model.card.runtime}, {platform.machine()}, median of {runs} runs")
    for name, value in medians.items():
        print(f"{name:16} {value:8.2f} ms")
    print(f"{'sum':16} {sum(medians.values()):8.2f} ms of CPU a frame")


def warm_up(model: Segmenter, width: int, height: int, aspect: float) -> None:
    """Compile the model for this shape before anything is measured."""
    box = fit(width, height, aspect, model.card.long_side)
    model.segment(np.full((1, box.input_height, box.input_width, 3), 114, np.uint8))


if __name__ == "__main__":
    main()

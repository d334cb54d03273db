"""CPU milliseconds per frame and stage for one clip, on one core and in this one process.

    python benchmarks/stages.py [--clip FILE --classes person] [--model M] [--runs 3] [--quick]

The clip goes through the stages frame by frame as in a worker, and is rendered whole (see
smart_rendering.py for what is not). Each stage is measured with the CPU time of the whole process,
so that what a library does in threads of its own counts too, and with a media child's ways of
keeping memory; the sum is what a frame costs and the largest line is what bounds it. The median of
the runs is printed and, but for ``--quick``, kept in ``results/stages.json``.

Where no clip is named, it is one of clips.py: 120 frames of 720p, in each of which a tenth of the
picture is blurred, whatever the model sees. That takes about a minute a run.
"""

from __future__ import annotations

import os
import statistics
import sys
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
from clips import Clip, made, thing
from record import record

from fearrefactor.core.decide import decide
from fearrefactor.core.leaks import SAMPLED_OF
from fearrefactor.core.letterbox import fit
from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.rle import encode
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.media.assemble import assemble
from fearrefactor.media.child import FrameBatch
from fearrefactor.media.child_environment import child_environment
from fearrefactor.media.decode import checksum, segment_frames, shrink
from fearrefactor.media.encode import choose_encoder, open_encoder
from fearrefactor.media.index import index_source
from fearrefactor.media.packets import EncodedPacket
from fearrefactor.media.render import mask_frame
from fearrefactor.media.rendered import rendered_frames
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import Expected, verify
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings, Segmenter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from fearrefactor.core.detections import Detections, Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.video import SegmentTask, VideoIndex

STAGES = (
    *("index", "decode (detect)", "shrink", "checksum", "model", "collect", "decide"),
    *("decode (render)", "mask", "encode", "audit's decode", "assemble", "verify"),
)
N_FRAMES = 120
CELLS = (90, 160)
ANYBODY = Rule(classes=("person",))
#: Its height and width are about that.
THING_PX = 350.0


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


def one_run(clip: Path, model: Segmenter, policy: Policy | None) -> dict[str, float]:
    """CPU milliseconds per frame by stage; without a policy the thing of clips.py is masked."""
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
            plan = decide(seen, policy or Policy(rules=(ANYBODY,)), model.card, index.canvas)
        regions = plan.regions if policy else the_thing(index)
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
                        masked = mask_frame(frame, regions.get(number, ()), index.info)
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
        look_again(packets, task, regions, clock, model.card.long_side)
        whole = np.ones(len(index.gops), bool)
        with clock.stage("assemble"):
            splice = Splice(index.info, index.gops, whole, settings)
            result = assemble(file, splice, [packets], Path(folder))
        with clock.stage("verify"):
            expected = Expected(index, regions, seen.checksum, whole=True)
            verify(file, result, expected, Limits())
    return {name: 1000 * clock.seconds[name] / index.n_frames for name in STAGES}


def the_thing(index: VideoIndex) -> dict[int, tuple[Region, ...]]:
    """A blur over the thing of clips.py, in each frame."""
    effect = Effect(kind="blur")
    regions = {}
    for frame in range(index.n_frames):
        inside = thing(frame, CELLS[1], CELLS[0]).astype(np.uint8)
        regions[frame] = (Region(effect, encode(inside[None])[0], THING_PX),)
    return regions


def look_again(
    packets: Path,
    task: SegmentTask,
    regions: Mapping[int, Sequence[Region]],
    clock: Clock,
    long_side: int,
) -> None:
    """Decode and shrink what the audit looks at, a frame in ``SAMPLED_OF``."""
    info = task.info
    box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, long_side)
    pixels = np.empty((box.input_height, box.input_width, 3), np.uint8)
    wanted = set(sorted(regions)[SAMPLED_OF // 2 :: SAMPLED_OF])
    with clock.stage("audit's decode"):
        for number, frame in rendered_frames(packets, task, RenderSettings()):
            if number in wanted:
                shrink(frame, box, info.rotation_deg, pixels)


def as_in_a_child() -> None:
    """Begin anew with a media child's ways of keeping memory and its number of threads."""
    wanted = {k: v for k, v in child_environment().items() if k.startswith(("MALLOC_", "OMP_"))}
    wanted["OPENBLAS_NUM_THREADS"] = "1"
    if not wanted.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})  # noqa: S606


@click.command()
@click.option("--clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--classes", help="With --clip: what is masked, as the model sees it.")
@click.option("--model", "spec", default=DEFAULT_MODEL, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--quick", is_flag=True, help="One run, and nothing is kept.")
def main(clip: Path | None, classes: str | None, spec: str, runs: int, *, quick: bool) -> None:
    """Print CPU ms per frame and stage."""
    as_in_a_child()
    if (clip is None) != (classes is None):
        raise click.UsageError("--clip and --classes go together")
    cv2.setNumThreads(1)
    cache = cache_dir(os.environ)
    clip = clip or made(Clip("720p", N_FRAMES, "all"))
    model = load_segmenter(
        resolve(spec, cache), DetectSettings(), device="cpu", threads=1, cache=cache
    )
    policy = Policy(rules=(Rule(classes=tuple(classes.split(","))),)) if classes else None
    with clip.open("rb") as file:
        index = index_source(file, Limits(), CutSettings())
    info = index.info
    warm_up(model, info.width_px, info.height_px, info.display_aspect)
    measured = []
    runs = 1 if quick else runs
    for number in range(runs):
        measured.append(one_run(clip, model, policy))
        print(
            f"run {number + 1} of {runs}: {sum(measured[-1].values()):.1f} ms a frame", flush=True
        )
    medians = {name: statistics.median(run[name] for run in measured) for name in STAGES}
    print(f"{clip.name}: {index.n_frames} frames {info.width_px} × {info.height_px}")
    print(f"{model.card.name} on {model.card.runtime}, median of {runs} runs")
    for name, value in medians.items():
        print(f"{name:16} {value:8.2f} ms")
    print(f"{'sum':16} {sum(medians.values()):8.2f} ms of CPU a frame")
    if not quick:
        facts = {
            "clip": clip.name,
            "frames": index.n_frames,
            "megapixels": info.width_px * info.height_px / 1e6,
            "model": f"{model.card.name} on {model.card.runtime}",
            "runs": runs,
        }
        rows = [{"stage": name, "ms": round(value, 3)} for name, value in medians.items()]
        print(record("stages", rows, facts))


def warm_up(model: Segmenter, width: int, height: int, aspect: float) -> None:
    """Compile the model for this shape before anything is measured."""
    box = fit(width, height, aspect, model.card.long_side)
    model.segment(np.full((1, box.input_height, box.input_width, 3), 114, np.uint8))


if __name__ == "__main__":
    main()

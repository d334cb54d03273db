"""What a GPU does in a second, stage by stage, and which of them bounds the pass of detection.

    python benchmarks/gpu.py [--device cuda] [--model NAME] [--clip FILE] [--quick]

The network alone (float32, half, CUDA graphs, ``torch.compile``) by batch; the network with what
is read from its answers; decoding in software on one core, and on the device by 1 to 7 sessions;
shrinking on the device; the Python of one thread; and the whole pass, its frames decoded by
children on the CPU or on the device. About 15 minutes; ``--quick --device cpu`` takes one, measures
nothing of worth, and shows that all of it runs.
"""

from __future__ import annotations

import io
import os
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np
import record
import torch
from gpu_bench import Bench, described_model, made_film, row, side_by_side

from fearrefactor.core.settings import CutSettings, Limits
from fearrefactor.media.child import FrameBatch, MediaChild
from fearrefactor.media.coded import coded_segment
from fearrefactor.media.decode import segment_frames
from fearrefactor.media.device_decode import DeviceDecoder
from fearrefactor.media.index import index_source
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.pipeline.device_frames import DeviceFrames, OnDevice
from fearrefactor.vision.batcher import DynamicBatcher
from fearrefactor.vision.catalog import cache_dir, resolve
from fearrefactor.vision.checkpoint import load_network
from fearrefactor.vision.device_calls import CallsByShape, Forward, Graphs
from fearrefactor.vision.device_pictures import Shrinker
from fearrefactor.vision.segmenter import DetectSettings
from fearrefactor.vision.torch_runtime import TorchSegmenter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.core.detections import Instances
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.video import SegmentTask

BATCH: Final = 8
MAX_WAIT_S: Final = 0.005


def network_rows(bench: Bench) -> Iterator[record.Row]:
    """The network alone, on frames that are on the device."""
    half = torch.float16 if bench.on_gpu else torch.bfloat16
    arms = [("eager float32", torch.float32, False, False), ("eager half", half, False, False)]
    if bench.on_gpu:
        arms += [("graphs half", half, True, False), ("compiled graphs half", half, True, True)]
    for name, dtype, graphs, compiled in arms:
        module: Any = load_network(bench.file).module
        if compiled:
            module = torch.compile(module, mode="max-autotune-no-cudagraphs")
        forward = Forward(module, torch.device(bench.device), dtype)
        call: Any = CallsByShape(forward, Graphs()) if graphs else forward
        for batch in bench.batches:
            frames = pictures(bench, batch)

            def step(frames: torch.Tensor = frames, call: Any = call) -> int:
                with torch.inference_mode():
                    call(frames)
                return len(frames)

            yield row("network", name, batch, bench.rate(step))
        failure = call.failure if graphs else ""
        if failure:
            print(f"  no graphs: {failure}")


def segmenter(bench: Bench) -> TorchSegmenter:
    """As a worker has it."""
    dtype = torch.float16 if bench.on_gpu else torch.float32
    return TorchSegmenter(
        bench.file,
        load_network(bench.file),
        bench.settings,
        device=bench.device,
        dtype=dtype,
        capture=Graphs() if bench.on_gpu else None,
    )


def pictures(bench: Bench, n: int) -> torch.Tensor:
    """Frames of the film as the model takes them, on the device."""
    frames = islice(DeviceDecoder("cpu").frames(*coded(bench, 0)), 1)
    shown = Shrinker(bench.device)(list(frames), bench.box, bench.index.info.rotation_deg)
    return shown.on_device.expand(n, -1, -1, -1).contiguous()


def coded(bench: Bench, number: int) -> tuple[Any, SegmentTask]:
    """The packets of a segment, and its task."""
    task = bench.index.tasks()[number]
    return coded_segment(io.BytesIO(bench.film), task), task


def answer_rows(bench: Bench) -> Iterator[record.Row]:
    """Network and answers."""
    model = segmenter(bench)
    for batch in bench.batches:
        frames = pictures(bench, batch)
        rate = bench.rate(lambda frames=frames: len(model.segment(frames)))  # type: ignore[misc]
        yield row("model", model.card.runtime, batch, rate)


def decode_rows(bench: Bench) -> Iterator[record.Row]:
    """Software on one core; then the device, several sessions side by side."""
    task = bench.index.tasks()[0]
    software = bench.rate(lambda: sum(1 for _ in segment_frames(io.BytesIO(bench.film), task)))
    yield row("decode", "software, one core", 1, software)
    decoder, shrink = DeviceDecoder(bench.device), Shrinker(bench.device)

    def one() -> int:
        shrink.enter()
        return sum(1 for _ in decoder.frames(*coded(bench, 0)))

    for n in bench.sessions:
        rate = side_by_side(bench, n, one)
        yield row("decode", f"sessions on {bench.device}", n, rate)


def shrink_rows(bench: Bench) -> Iterator[record.Row]:
    """Planes to pixels; with and without what comes back to the host."""
    shrink = Shrinker(bench.device)
    shrink.enter()
    frames = list(islice(DeviceDecoder(bench.device).frames(*coded(bench, 0)), BATCH))

    def step() -> int:
        shrink(frames, bench.box, 0).on_host()
        return len(frames)

    yield row("shrink", "with checksums and pixels", BATCH, bench.rate(step))


class Held:
    """A ``FrameSource`` of frames that are there, and a segmenter whose answers are."""

    def __init__(self, bench: Bench) -> None:
        self._pixels = pictures(bench, BATCH).cpu().numpy().copy()
        self._pixels[:, 0, 0, 0] = np.arange(BATCH)  # equal frames are not looked at
        self._model = segmenter(bench)
        self._answers = self._model.segment(self._pixels)

    @property
    def card(self) -> ModelCard:
        """Of the model whose answers they are."""
        return self._model.card

    def segment(self, frames: np.ndarray) -> list[Instances]:
        """The same answers again."""
        return self._answers[: len(frames)]

    def frames(self, task: SegmentTask, _: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """As many as the segment has, the same few again and again."""
        first, end = task.segment.first_frame, task.segment.end_frame
        for start in range(first, end, batch):
            n = min(batch, end - start)
            indices = np.arange(start, start + n, dtype=np.int64)
            yield FrameBatch(indices, self._pixels[:n], indices.astype(np.uint32))


def host_rows(bench: Bench) -> Iterator[record.Row]:
    """What Python does of each frame beside: threads share it, for they share the interpreter."""
    held, task = Held(bench), bench.index.tasks()[0]
    rate = bench.rate(lambda: detect_segment(held, task, held, BATCH).frames.size)
    yield row("host", "Python, one thread", 1, rate)


def pass_rows(bench: Bench) -> Iterator[record.Row]:
    """The pass as a worker does it: children, one model behind a batcher, a thread a session."""
    model = segmenter(bench)
    for decoder in (None, DeviceDecoder(bench.device)):
        device = OnDevice(decoder, Shrinker(bench.device)) if decoder is not None else None
        for n in bench.sessions:
            with DynamicBatcher(model, BATCH * n, MAX_WAIT_S) as batcher:

                def one(device: Any = device, batcher: Any = batcher) -> int:
                    with (
                        tempfile.TemporaryDirectory() as folder,
                        MediaChild(io.BytesIO(bench.film), Path(folder)) as child,
                    ):
                        source = child if device is None else DeviceFrames(child, device)
                        return sum(
                            detect_segment(source, task, batcher, BATCH).frames.size
                            for task in bench.index.tasks()
                        )

                how = f"decoded on {bench.device}" if device else "decoded by children"
                yield row("pass", how, n, side_by_side(bench, n, one))


def bounded(rows: list[record.Row]) -> list[record.Row]:
    """The rows of the pass with the stage that bounds each, and the fraction of that stage's own.

    Children decode on a core each, as many as there are.
    """

    def best(stage: str, n: int = 0, how: str = "") -> float:
        found = (r for r in rows if r["stage"] == stage and str(r["how"]).startswith(how))
        return max(float(r["images_per_s"] or 0) for r in found if not n or r["n"] == n)

    told = []
    for one in rows:
        if one["stage"] != "pass":
            told.append(one)
            continue
        n = int(one["n"] or 0)
        limits = {"model": best("model"), "host": best("host")}
        if "children" in str(one["how"]):
            cores = min(n, len(os.sched_getaffinity(0)))
            limits["decode"] = cores * best("decode", how="software")
        else:
            limits |= {"decode": best("decode", n, "sessions"), "shrink": best("shrink")}
        bound = min(limits, key=limits.__getitem__)
        fraction = float(one["images_per_s"] or 0) / limits[bound]
        told.append({**one, "bound_by": bound, "of_its_limit": round(fraction, 3)})
        print(f"{one['how']}, {n}: bound by {bound}, {fraction:.2f} of its limit")
    return told


@click.command()
@click.option("--device", default="cuda:0", show_default=True, help="cuda:N, or cpu.")
@click.option("--model", help="Of the catalog, or a file. [default: YOLO26n-seg, random weights]")
@click.option("--clip", type=click.Path(exists=True, path_type=Path), help="An H.264 video.")
@click.option("--quick", is_flag=True, help="Seconds a figure cut to almost nothing.")
def main(device: str, model: str | None, clip: Path | None, quick: bool) -> None:  # noqa: FBT001 - click
    """Measure, print, and record as ``gpu``."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = chosen(device, model, clip, Path(folder), quick=quick)
        parts = (network_rows, answer_rows, decode_rows, shrink_rows, host_rows, pass_rows)
        rows = bounded([one for part in parts for one in part(bench)])
    if quick:
        print("not recorded: --quick measures nothing of worth")
    else:
        print(record.record("gpu", rows, facts(bench)))


def chosen(
    device: str, model: str | None, clip: Path | None, folder: Path, *, quick: bool
) -> Bench:
    """What to measure on."""
    film = (
        clip.read_bytes() if clip else made_film(*((320, 192, 30) if quick else (1280, 720, 480)))
    )
    cut = CutSettings(min_segment_frames=15 if quick else 240)
    return Bench(
        device=device,
        file=resolve(model or str(described_model(folder)), cache_dir(os.environ)),
        settings=DetectSettings(long_side=160 if quick else 640),
        film=film,
        index=index_source(io.BytesIO(film), Limits(), cut),
        seconds=0.1 if quick else 3.0,
        batches=(1, 2) if quick else (1, 2, 4, 8, 16, 32, 64),
        sessions=(1, 2) if quick else (1, 2, 3, 4, 5, 6, 7),
    )


def facts(bench: Bench) -> dict[str, str]:
    """What holds for all figures."""
    info = bench.index.info
    return {
        "device": torch.cuda.get_device_name() if bench.on_gpu else "cpu",
        "torch": torch.__version__,
        "model": bench.file.name,
        "film": f"{info.width_px} × {info.height_px}, {bench.index.n_frames} frames",
        "input": f"{bench.box.input_width} × {bench.box.input_height}",
    }


if __name__ == "__main__":
    main()

"""What a model costs on a CPU: ours against OpenVINO's bare loop, and what could be set otherwise.

    taskset -c 0 python benchmarks/model.py [--model SPEC ...] [--rounds 15]
    python benchmarks/model.py --streams

The first measures one core: CPU milliseconds a frame, all arms by turns, medians. ``bare`` is
OpenVINO alone on one float tensor, as its own benchmark_app runs it in sync mode; ``segment`` is
what a worker calls, from uint8 frames to instances; its frame has people in it. The others are the
bare loop with one thing changed. Five minutes. ``--streams`` measures the whole machine: frames a
second of one process with a stream for each core against a process for each core, by turns. Two
minutes. Models: the default one, yolo26n-seg and yolo11n-seg (random weights; see weights.py), and
any file that is given, such as one of ``fearrefactor models quantize``.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import openvino as ov
from record import record
from weights import NAMES, random_weights

from fearrefactor.media.letterboxed import letterboxed
from fearrefactor.vision.catalog import DEFAULT_MODEL, ModelFile, cache_dir, resolve
from fearrefactor.vision.checkpoint import load_network
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.openvino_runtime import traced
from fearrefactor.vision.pictures import known_pictures
from fearrefactor.vision.quantized import load_quantized
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray
    from record import Row

HEIGHT, WIDTH = 384, 640
#: As a worker's, but for what an arm changes.
USUAL = {
    "INFERENCE_PRECISION_HINT": "bf16",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
}
CHANGED: dict[str, dict[str, Any]] = {
    "f32": {"INFERENCE_PRECISION_HINT": "f32"},
    "pinned": {"ENABLE_CPU_PINNING": True},
    "latency hint": {"PERFORMANCE_HINT": "LATENCY"},
    "throughput hint": {"PERFORMANCE_HINT": "THROUGHPUT"},
    "no hyper-threading": {"ENABLE_HYPER_THREADING": False},
}
BATCHES = (2, 4, 8)
STREAMS_S = 10.0
STREAMS_TURNS = 3


@dataclass(frozen=True)
class Arm:
    """``run`` sends ``n_frames`` frames through the model."""

    name: str
    n_frames: int
    run: Callable[[], Any]


def bare(file: ModelFile, batch: int, changed: dict[str, Any]) -> Callable[[], Any]:
    """OpenVINO alone, a call for each batch."""
    x = np.random.default_rng(0).random((batch, 3, HEIGHT, WIDTH), dtype=np.float32)
    request = compiled(file, batch, changed).create_infer_request()
    return lambda: request.infer([x], share_inputs=True)


def compiled(file: ModelFile, batch: int, changed: dict[str, Any]) -> Any:
    """The network for a batch, as OpenVINO wants it: NCHW floats."""
    model = network(file).clone()
    model.reshape([batch, 3, HEIGHT, WIDTH])
    return ov.Core().compile_model(model, "CPU", {**USUAL, **changed})


@cache
def network(file: ModelFile) -> ov.Model:
    """As it was loaded; for inputs of any size."""
    if file.kind == "quantized":
        return load_quantized(file.path).network
    return traced(load_network(file), HEIGHT, WIDTH)


def people() -> NDArray[np.uint8]:
    """``(1, 384, 640, 3)`` uint8 RGB."""
    picture = letterboxed(known_pictures()[0], WIDTH)
    return np.ascontiguousarray(picture[None, :HEIGHT])


def arms(file: ModelFile) -> list[Arm]:
    """All that is measured of a model on one core."""
    frame = people()
    kept = cache_dir(os.environ)
    ours = load_segmenter(file, DetectSettings(), device="cpu", threads=1, cache=kept)
    found = [Arm("bare", 1, bare(file, 1, {})), Arm("segment", 1, lambda: ours.segment(frame))]
    if file.kind != "quantized":
        found += [Arm(f"batch {n}", n, bare(file, n, {})) for n in BATCHES]
        found += [Arm(name, 1, bare(file, 1, changed)) for name, changed in CHANGED.items()]
    return found


def on_one_core(file: ModelFile, rounds: int) -> list[Row]:
    """A row an arm."""
    found = arms(file)
    spent: dict[str, list[float]] = {arm.name: [] for arm in found}
    for number in range(rounds + 1):
        for arm in found:
            start = time.process_time()
            arm.run()
            if number:  # the first round warms up
                spent[arm.name].append(1000 * (time.process_time() - start) / arm.n_frames)
    rows: list[Row] = []
    for arm in found:
        ratios = [one / alone for one, alone in zip(spent[arm.name], spent["bare"], strict=True)]
        row: Row = {
            "model": file.name,
            "arm": arm.name,
            "cpu_ms_per_frame": round(statistics.median(spent[arm.name]), 2),
            "least_cpu_ms_per_frame": round(min(spent[arm.name]), 2),
            "to_bare": round(statistics.median(ratios), 3),
        }
        rows.append(row)
        print(*row.values(), sep="\t", flush=True)
    return rows


def on_all_cores(file: ModelFile) -> list[Row]:
    """Frames a second of both ways to use the machine, by turns."""
    n_cores = len(os.sched_getaffinity(0))
    ways = {
        "one process, a stream a core": [n_cores],
        "a process a core": [1] * n_cores,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    context = multiprocessing.get_context("spawn")
    for _ in range(STREAMS_TURNS):
        for name, streams in ways.items():
            pipes, processes = [], []
            for n in streams:
                here, there = context.Pipe()
                process = context.Process(target=work, args=(file, n, there))
                process.start()
                pipes.append(here)
                processes.append(process)
            for pipe in pipes:
                pipe.recv()  # it has loaded the model
            for pipe in pipes:
                pipe.send("go")
            rates[name].append(sum(pipe.recv() for pipe in pipes))
            for process in processes:
                process.join()
    rows: list[Row] = []
    for name, measured in rates.items():
        row: Row = {
            "model": file.name,
            "arm": name,
            "frames_per_s": round(statistics.median(measured), 2),
        }
        rows.append(row)
        print(*row.values(), sep="\t", flush=True)
    return rows


def work(file: ModelFile, streams: int, pipe: Connection) -> None:
    """Send frames through a model for ``STREAMS_S``, and tell how many a second."""
    wanted = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
    queue = ov.AsyncInferQueue(compiled(file, 1, wanted), streams)
    x = np.random.default_rng(0).random((1, 3, HEIGHT, WIDTH), dtype=np.float32)
    queue.start_async([x])
    queue.wait_all()
    pipe.send("ready")
    pipe.recv()
    n_frames, start = 0, time.perf_counter()
    while time.perf_counter() - start < STREAMS_S:
        queue.start_async([x], share_inputs=True)  # it waits for a stream that is free
        n_frames += 1
    queue.wait_all()
    pipe.send(n_frames / (time.perf_counter() - start))


@click.command()
@click.option("--model", "specs", multiple=True, help="Of these only; may be given several times.")
@click.option("--rounds", default=15, show_default=True)
@click.option("--streams", is_flag=True, help="Measure the whole machine, not one core.")
def main(specs: tuple[str, ...], rounds: int, *, streams: bool) -> None:
    """Print and record what the models cost."""
    kept = cache_dir(os.environ)
    chosen = specs or (DEFAULT_MODEL, *(str(random_weights(name)) for name in NAMES))
    rows: list[Row] = []
    for spec in chosen:
        file = resolve(spec, kept)
        rows += on_all_cores(file) if streams else on_one_core(file, rounds)
    facts = {"input": f"{WIDTH}×{HEIGHT}", "rounds": STREAMS_TURNS if streams else rounds}
    print(record("model_streams" if streams else "model", rows, facts))


if __name__ == "__main__":
    main()

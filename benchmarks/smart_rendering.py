"""What smart rendering saves: CPU and bytes of a clip with no GOP, one GOP and all GOPs to mask.

    python benchmarks/smart_rendering.py CLIP… [--runs 3] [--quick]

Each clip is rendered, put together and verified in this one process and on one core, as a media
child does it. A quarter of the picture is blurred in every frame of the GOPs that are dirty; "one"
is the shortest, then the longest GOP of the clip. The shares of a clip follow each other within a
run, so that ratios between them mean something on a shared machine; medians of the runs are
printed and, but for ``--quick``, kept in ``results/smart_rendering.json``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import cv2
import numpy as np
from record import record

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.media.assemble import assemble
from fearrefactor.media.decode import checksum, segment_frames
from fearrefactor.media.index import index_source
from fearrefactor.media.render import render_segment
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import Expected, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fearrefactor.core.video import VideoIndex

STEPS = ("render", "assemble", "verify")


def gops_to_mask(index: VideoIndex) -> dict[str, list[int]]:
    """Numbers of the GOPs that are masked, by what that is called."""
    n_frames = index.gops.n_frames
    shares: dict[str, list[int]] = {"none": []}
    if len(n_frames) > 1:
        shares |= {"shortest": [int(n_frames.argmin())], "longest": [int(n_frames.argmax())]}
    return shares | {"all": list(range(len(n_frames)))}


def one_run(
    file: BinaryIO, index: VideoIndex, checksums: np.ndarray, gops: Iterable[int]
) -> dict[str, float]:
    """CPU milliseconds per frame of the clip by step, and the result's bytes over the source's."""
    bits = np.zeros((1, 32, 32), np.uint8)
    bits[:, 8:24, 8:24] = 1
    region = Region(effect=Effect(kind="blur"), mask=encode(bits)[0], size_px=200.0)
    starts = index.gops.first_frame
    regions = {n: (region,) for gop in gops for n in range(starts[gop], starts[gop + 1])}
    wanted = index.to_render(regions)
    splice = Splice(index.info, index.gops, wanted, RenderSettings())
    told: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rendered = folder / "packets"
        start = time.process_time()
        with rendered.open("wb") as out:
            for task in index.tasks():
                here = wanted[task.segment.gops]
                for packet in render_segment(file, task, regions, here, RenderSettings()):
                    out.write(packet.pack())
        told["render"] = time.process_time() - start
        start = time.process_time()
        result = assemble(file, splice, [rendered], folder)
        told["assemble"] = time.process_time() - start
        start = time.process_time()
        verify(file, result, Expected(index, regions, checksums, whole=False), Limits())
        told["verify"] = time.process_time() - start
        n_bytes = result.stat().st_size / index.info.size_bytes
    return {step: 1000 * told[step] / index.n_frames for step in STEPS} | {"bytes": n_bytes}


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=3, show_default=True)
@click.option("--quick", is_flag=True, help="One run, and nothing is kept.")
def main(clips: tuple[Path, ...], runs: int, *, quick: bool) -> None:
    """Print CPU ms per frame and relative size by share of GOPs that are masked."""
    cv2.setNumThreads(1)
    runs = 1 if quick else runs
    found: dict[str, dict[str, dict[str, float]]] = {}
    for clip in clips:
        with clip.open("rb") as file:
            index = index_source(file, Limits(), CutSettings())
            frames = (frame for task in index.tasks() for _, frame in segment_frames(file, task))
            checksums = np.array([checksum(frame) for frame in frames], np.uint32)
            shares = gops_to_mask(index)
            measured = [
                {share: one_run(file, index, checksums, gops) for share, gops in shares.items()}
                for _ in range(runs)
            ]
        found[clip.name] = {
            share: {
                name: statistics.median(run[share][name] for run in measured)
                for name in (*STEPS, "bytes")
            }
            for share in shares
        }
    for clip_name, by_share in found.items():
        print(f"{clip_name}, median of {runs} runs: CPU ms a frame, bytes over the source's")
        print(f"{'masked':10}" + "".join(f"{name:>10}" for name in (*STEPS, "bytes")))
        for share, told in by_share.items():
            print(f"{share:10}" + "".join(f"{told[name]:10.2f}" for name in (*STEPS, "bytes")))
    if not quick:
        rows = [
            {"clip": clip_name, "masked": share, "bytes_ratio": round(told["bytes"], 4)}
            | {f"{step}_ms": round(told[step], 3) for step in STEPS}
            for clip_name, by_share in found.items()
            for share, told in by_share.items()
        ]
        print(record("smart_rendering", rows, {"runs": runs}))


if __name__ == "__main__":
    main()

"""What is saved, and what is lost, where nearly equal frames share an answer.

    taskset -c 0 python benchmarks/reuse.py [--clip FILE ...] [--levels 0 --levels 1 ...]

The model looks at every frame of a clip once. Then, for every setting of ``--reuse-within``, it is
asked which frames it would have been given, and how much of what is masked in the others is masked
by the answer that they would have had: mean over these frames, and the worst; of detections with a
score of at least .25. Two clips of the catalog stand in where none is named: a face in a car, and
a street. Only the first segment of a clip is looked at. A minute.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from in_process import InProcessMedia
from record import record

from fearrefactor.core.rle import decode
from fearrefactor.core.settings import ChildSettings, CutSettings, Limits
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.pipeline.reuse import LONGEST_S, LastLook
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, find, pull, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from record import Row

    from fearrefactor.core.detections import Detections, Instances
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.vision.segmenter import Segmenter

CONFIDENCE = 0.25


class KeptPictures:
    """A segmenter that keeps the pictures it was shown, for ``model`` to look at."""

    def __init__(self, model: Segmenter) -> None:
        self.card = model.card
        self.pictures: list[NDArray[np.uint8]] = []
        self._model = model

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``."""
        self.pictures.extend(frames.copy())
        return self._model.segment(frames)


def looked_at(clip: Path, model: KeptPictures) -> tuple[SegmentTask, Detections]:
    """What is found in the first segment of a clip, of which no two frames are equal."""
    with clip.open("rb") as file, InProcessMedia(file, clip.parent, ChildSettings()) as media:
        task = media.index(Limits(), CutSettings()).tasks()[0]
        found = detect_segment(media, task, model, 1)
    if found.n_reused:
        raise click.UsageError(f"{clip} repeats {found.n_reused} frames; take another")
    return task, found


def covered(found: Detections, frame: int) -> NDArray[np.bool_]:
    """Cells of a frame in any of its masks."""
    rows = np.flatnonzero((found.frame == frame) & (found.score >= CONFIDENCE))
    masks = [found.mask[row] for row in rows]
    return decode(masks).any(axis=2) if masks else np.zeros((1, 1), bool)


def kept(found: Detections, wanted: NDArray[np.bool_]) -> list[float]:
    """For each frame not ``wanted`` (n,) in which something is masked, the share that still is."""
    shares, answer = [], covered(found, int(found.frames[0]))
    for frame, is_wanted in zip(found.frames.tolist(), wanted.tolist(), strict=True):
        masked = covered(found, frame)
        if is_wanted:
            answer = masked
        elif masked.any():
            shares.append(float((answer & masked).sum() / masked.sum()))
    return shares


@click.command()
@click.option(
    "--clip", "clips", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--levels", multiple=True, type=float, default=(0.0, 1.0, 2.0, 4.0, 8.0))
def main(clips: tuple[Path, ...], levels: tuple[float, ...]) -> None:
    """Print and record what reuse saves and loses."""
    cache = cache_dir(os.environ)
    file = resolve(DEFAULT_MODEL, cache)
    model = load_segmenter(file, DetectSettings(), device="cpu", threads=1, cache=cache)
    chosen = clips or (pull(find("carphone"), cache), pull(find("bikes"), cache))
    rows: list[Row] = []
    for clip in chosen:
        seer = KeptPictures(model)
        task, found = looked_at(clip, seer)
        pictures = np.stack(seer.pictures)
        for within in levels:
            look = LastLook(within, LONGEST_S / float(task.info.time_base))
            start = time.process_time()
            wanted = look.to_look_at(pictures, task.pts)
            cpu_ms = 1000 * (time.process_time() - start) / len(wanted)
            shares = kept(found, wanted)
            row: Row = {
                "clip": clip.stem,
                "reuse_within": within,
                "reused_percent": round(100 * float(1 - wanted.mean()), 1),
                "mask_kept_mean": round(float(np.mean(shares)), 4) if shares else None,
                "mask_kept_worst": round(min(shares), 3) if shares else None,
                "comparing_cpu_ms": round(cpu_ms, 2),
            }
            rows.append(row)
            print(*row.values(), sep="\t", flush=True)
    print(record("reuse", rows, {"model": file.name, "confidence": CONFIDENCE}))


if __name__ == "__main__":
    main()

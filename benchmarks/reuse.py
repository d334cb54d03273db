"""What is saved, and what is lost, where nearly equal frames share an answer.

    taskset -c 0 python benchmarks/reuse.py [--clip FILE ...] [--levels 0 --levels 1 ...]

The model looks at every frame of a clip once. Then, for every setting of ``--reuse-within``, it is
asked which frames it would have been given, and how much of what is masked in the others is masked
by the answer that they would have had: mean over these frames, and the worst; of detections with a
score of at least .25. Where none is named, a clip is made of a camera on a wall past which a man
goes for a third of the time, and two of the catalog are taken: a face in a car, a street. Only the
first segment of a clip is looked at. Two minutes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av
import click
import numpy as np
from in_process import InProcessMedia
from record import record

from fearrefactor.core.rle import decode
from fearrefactor.core.settings import ChildSettings, CutSettings, Limits
from fearrefactor.media.letterboxed import letterboxed
from fearrefactor.pipeline.detect import detect_segment
from fearrefactor.pipeline.reuse import LONGEST_S, LastLook
from fearrefactor.vision.catalog import DEFAULT_MODEL, cache_dir, find, pull, resolve
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.pictures import known_pictures
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from record import Row

    from fearrefactor.core.detections import Detections
    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.child import FrameBatch
    from fearrefactor.vision.segmenter import Segmenter

CONFIDENCE = 0.25


def lookout(path: Path) -> None:
    """A camera on a wall: 240 frames of a street with noise; a man passes in the middle third."""
    street, man = (letterboxed(data, 640) for data in reversed(known_pictures()))
    street, man = street[:384], np.ascontiguousarray(man[::3, ::3][:, 100:190])
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 30, {"crf": "23", "preset": "veryfast"})
        stream.height, stream.width = street.shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(240):
            shown = street.astype(np.float32)
            if 80 <= number < 160:
                left = 20 + 2 * (number - 80)
                shown[200 : 200 + len(man), left : left + man.shape[1]] = man
            shown += rng.normal(0, 3, shown.shape)
            frame = av.VideoFrame.from_ndarray(shown.clip(0, 255).astype(np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


class KeptFrames:
    """A frame source that keeps the pictures that it shows."""

    def __init__(self, media: InProcessMedia) -> None:
        self.pictures: list[NDArray[np.uint8]] = []
        self._media = media

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[FrameBatch]:
        """See ``pipeline.detect.FrameSource``."""
        for frames in self._media.frames(task, box, batch):
            self.pictures.extend(frames.pixels.copy())
            yield frames


def looked_at(clip: Path, model: Segmenter) -> tuple[SegmentTask, NDArray[np.uint8], Detections]:
    """The pictures of the first segment of a clip, and what is found in them."""
    with clip.open("rb") as file, InProcessMedia(file, clip.parent, ChildSettings()) as media:
        task = media.index(Limits(), CutSettings()).tasks()[0]
        source = KeptFrames(media)
        found = detect_segment(source, task, model, 8)
    return task, np.stack(source.pictures), found


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
    made = cache / "benchmarks" / "lookout.mp4"
    made.parent.mkdir(parents=True, exist_ok=True)
    if not made.exists():
        lookout(made)
    chosen = clips or (made, pull(find("carphone"), cache), pull(find("bikes"), cache))
    rows: list[Row] = []
    for clip in chosen:
        task, pictures, found = looked_at(clip, model)
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

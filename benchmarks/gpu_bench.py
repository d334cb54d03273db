"""What the figures of ``gpu.py`` are measured on, and how: a film, a model, rates."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import torch

from fearrefactor.core.letterbox import Letterbox, fit

if TYPE_CHECKING:
    from collections.abc import Callable

    import record

    from fearrefactor.core.video import VideoIndex
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.segmenter import DetectSettings


@dataclass(frozen=True)
class Bench:
    """What is measured on, and for how long each figure."""

    device: str
    file: ModelFile
    settings: DetectSettings
    film: bytes
    index: VideoIndex
    seconds: float
    batches: tuple[int, ...]
    sessions: tuple[int, ...]

    @property
    def on_gpu(self) -> bool:
        """Whether there is anything to measure."""
        return self.device.startswith("cuda")

    @property
    def box(self) -> Letterbox:
        """How a frame sits in the input."""
        info = self.index.info
        size = (info.upright_width_px, info.upright_height_px)
        return fit(*size, info.display_aspect, self.settings.long_side)

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if self.on_gpu:
            torch.cuda.synchronize()

    def rate(self, step: Callable[[], int]) -> float:
        """Images a second of a step that answers how many it did, after two that do not count."""
        step(), step()
        self.wait()
        began, n = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < self.seconds or not n:
            n += step()
            self.wait()
        return n / passed if passed > 0 else 0.0


def row(stage: str, how: str, n: int, rate: float, **more: Any) -> record.Row:
    """One figure; printed too. ``n``: images of a batch, or sessions side by side."""
    print(f"{stage:8} {how:24} {n:3}  {rate:9.1f} images/s", flush=True)
    return {"stage": stage, "how": how, "n": n, "images_per_s": round(rate, 1), **more}


def side_by_side(bench: Bench, n: int, one: Callable[[], int]) -> float:
    """Images a second of ``n`` threads that all do ``one`` again and again, a first one apart."""
    one()
    end = threading.Event()

    def again() -> int:
        done = one()
        while not end.is_set():
            done += one()
        return done

    with ThreadPoolExecutor(n) as threads:
        began = time.perf_counter()
        working = [threads.submit(again) for _ in range(n)]
        time.sleep(bench.seconds)
        end.set()
        done = sum(future.result() for future in working)
        bench.wait()
        return done / (time.perf_counter() - began)


def described_model(folder: Path) -> Path:
    """Ultralytics' description of YOLO26n-seg, of which a network of random weights is built."""
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    described = Path(spec.origin).parent / "cfg" / "models" / "26" / "yolo26-seg.yaml"
    path = folder / "yolo26n-seg.yaml"  # the letter in its name is the scale
    path.write_text(described.read_text())
    return path


def made_film(width: int, height: int, n_frames: int) -> bytes:
    """H.264 of a soft pattern that drifts under grain, two closed GOPs a second."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 6, (height, width))
    y, x = np.mgrid[:height, :width]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23", "g": "15", "bf": "2"}
        for number in range(n_frames):
            soft = 128 + 60 * np.sin((x + 5 * number) / 90) * np.cos((y - 3 * number) / 70)
            luma = np.clip(soft + np.roll(grain, (7 * number, 11 * number), (0, 1)), 16, 235)
            gray = av.VideoFrame.from_ndarray(luma.astype(np.uint8), format="gray")
            frame = gray.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()

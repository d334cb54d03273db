"""How near a run comes to what its stages allow, and to what independent tools allow.

    python benchmarks/limits.py [--runs 3] [--model yolo26n-seg] [--film FILE] [--core 0]

All on one core, 5 s of 720p with none, a fifth and all of the GOPs dirty, the tools in turn within
a round; CPU milliseconds a frame, children included, medians of the rounds.

- *Own fraction*: the sum of the stages, done in one process without any sandbox, logs or ledger
  (``staged.py``), over the whole run.
- *Floor fraction*: what independent tools need for the least that must be done, over the whole
  run. For each frame one decode (``ffmpeg -f null``) and one look (OpenVINO's ``benchmark_app``,
  same network, shape and precision, one stream, one thread); for each frame of a dirty GOP one more
  decode and one encode (x264 of ffmpeg with the options of our own encoder, fed with raw frames,
  less the cost of reading them).

Then the same clips through Ray with one worker and with two: the ratio of their wall times. About
ten minutes on a quiet machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from clips import Clip, made
from measured_process import ONE_THREAD, heard, spent
from peers import ffmpeg
from record import record
from weights import NAMES, random_weights

from fearrefactor.cli.environment import read_environment
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.media.encode import choose_encoder
from fearrefactor.media.index import index_source
from fearrefactor.vision.catalog import digest_of
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARES = ("none", "fifth", "all")
AUDITS = ("none", "sampled")
OURS = Path(__file__).parent / "peers" / "ours.py"
_N_FRAMES = 150
_LOOKS = (20, 120)


class Floor:
    """CPU milliseconds of tools that know nothing of us, on one core."""

    def __init__(self, core: int, weights: Path, folder: Path) -> None:
        self._core = core
        self._folder = folder
        self._network, self._precision = _network(weights)

    def decode_ms(self, clip: Path) -> float:
        """Of one frame."""
        line = [ffmpeg(), "-nostdin", "-v", "error", "-threads", "1", "-i", str(clip)]
        return self._ms([*line, "-map", "0:v", "-f", "null", "-"])

    def encode_ms(self, clip: Path) -> float:
        """Of one frame, with the options that we use for this source; all of it is encoded."""
        raw = self._raw(clip)
        width, height, options = _encoder(clip)
        size = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", "30"]
        read = [ffmpeg(), "-nostdin", "-v", "error", *size, "-i", str(raw)]
        gops = ["-g", "30", "-sc_threshold", "0", "-threads", "1", "-f", "null", "-"]
        return self._ms([*read, *options, *gops]) - self._ms([*read, "-f", "null", "-"])

    def look_ms(self) -> float:
        """Of one frame, from runs of two lengths, so that loading does not count."""
        few, many = (self._looks_s(n_looks) for n_looks in _LOOKS)
        return 1000 * (many - few) / (_LOOKS[1] - _LOOKS[0])

    def _looks_s(self, n_looks: int) -> float:
        program = Path(sys.executable).with_name("benchmark_app")
        told = ["-m", str(self._network), "-d", "CPU", "-api", "sync", "-hint", "none"]
        one = ["-nstreams", "1", "-nthreads", "1", "-infer_precision", self._precision]
        line = [str(program), *told, *one, "-niter", str(n_looks)]
        return spent(line, self._core, ONE_THREAD).frames_cpu_s

    def _raw(self, clip: Path) -> Path:
        path = self._folder / f"{clip.stem}.yuv"
        if not path.exists():
            line = [ffmpeg(), "-nostdin", "-v", "error", "-i", str(clip), "-map", "0:v"]
            spent([*line, "-f", "rawvideo", str(path)], None, {})
        return path

    def _ms(self, line: Sequence[str]) -> float:
        return 1000 * spent(line, self._core, ONE_THREAD).frames_cpu_s / _N_FRAMES


def _network(weights: Path) -> tuple[Path, str]:
    """The network as OpenVINO reads it for 16:9, and the precision in which we run it."""
    environment = read_environment()
    model = load_segmenter(
        environment.model(str(weights)),
        DetectSettings(),
        device="cpu",
        threads=1,
        cache=environment.cache,
    )
    import numpy as np

    model.segment(np.zeros((1, 384, 640, 3), np.uint8))  # is built, if nobody has done so
    pattern = f"ir/{digest_of(weights)[:16]}*384x640*.xml"
    found = max(environment.cache.glob(pattern), key=lambda path: path.stat().st_mtime)
    return found, model.card.runtime.rpartition(" ")[2]


def _encoder(clip: Path) -> tuple[int, int, list[str]]:
    """Width, height, and arguments of ffmpeg for what would render this clip."""
    with clip.open("rb") as file:
        info = index_source(file, Limits(), CutSettings()).info
    encoder = choose_encoder(info, RenderSettings())
    told = [word for key, value in encoder.options.items() for word in (f"-{key}", value)]
    return info.width_px, info.height_px, ["-c:v", encoder.name, *told]


def run_ms(weights: Path, clip: Path, audit: str, core: int) -> float:
    """CPU milliseconds a frame of the real run, without its start."""
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        line = [sys.executable, str(OURS), str(weights), str(clip), folder, "--audit", audit]
        return 1000 * spent(line, core, ONE_THREAD).frames_cpu_s / _N_FRAMES


def stages_ms(weights: Path, clip: Path, audit: str, core: int) -> dict[str, float]:
    """CPU milliseconds a frame of each stage, in one process."""
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        line = [sys.executable, str(OURS), str(weights), str(clip), folder, "--audit", audit]
        _, lines = heard([*line, "--stages"], core, ONE_THREAD)
    (told,) = (json.loads(line[7:]) for line in lines if line.startswith("STAGES "))
    return {name: 1000 * seconds / _N_FRAMES for name, seconds in told.items()}


class OneCore:
    """What rounds have told: milliseconds by tool, share and audit, and stages by share and audit.

    ``runs`` and ``stages`` of the same place follow each other on the same core.
    """

    def __init__(self, weights: Path, film: Path | None, core: int) -> None:
        self._weights = weights
        self._core = core
        self._clips = {share: made(Clip("720p", _N_FRAMES, share), film) for share in SHARES}
        self.looks: list[float] = []
        self.encodes: list[float] = []
        self.decodes: defaultdict[str, list[float]] = defaultdict(list)
        self.runs: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.stages: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)

    def round(self, floor: Floor) -> None:
        """Once more, everything."""
        self.looks.append(floor.look_ms())
        self.encodes.append(floor.encode_ms(self._clips["all"]))
        for share, clip in self._clips.items():
            self.decodes[share].append(floor.decode_ms(clip))
            for audit in AUDITS:
                told = (self._weights, clip, audit, self._core)
                self.runs[share, audit].append(run_ms(*told))
                self.stages[share, audit].append(stages_ms(*told))
                run, stages = (
                    self.runs[share, audit][-1],
                    sum(self.stages[share, audit][-1].values()),
                )
                print(f"{share}, audit {audit}: run {run:.1f} ms, stages {stages:.1f}", flush=True)
                print(
                    "  ", {name: round(ms, 2) for name, ms in self.stages[share, audit][-1].items()}
                )
        print(f"look {self.looks[-1]:.1f} ms, encode {self.encodes[-1]:.1f}", flush=True)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each share and audit."""
        return [self._row(share, audit) for share in SHARES for audit in AUDITS]

    def _row(self, share: Any, audit: str) -> dict[str, Any]:
        clip = Clip("720p", _N_FRAMES, share)
        dirty = sum(map(clip.is_in_dirty_gop, range(_N_FRAMES))) / _N_FRAMES
        decode, look, encode = map(
            statistics.median, (self.decodes[share], self.looks, self.encodes)
        )
        whole, stages = self.runs[share, audit], self.stages[share, audit]
        run, sums = statistics.median(whole), [sum(told.values()) for told in stages]
        floor = decode + look + dirty * (decode + encode)
        own = statistics.median(a / b for a, b in zip(sums, whole, strict=True))
        told = {
            "run_ms": run,
            "run_ms_least": min(whole),
            "run_ms_most": max(whole),
            "stages_ms": statistics.median(sums),
            "floor_ms": floor,
            "floor_decode_ms": decode,
            "floor_look_ms": look,
            "floor_encode_ms": encode,
        }
        told |= {
            f"stage {name}": statistics.median(one.get(name, 0.0) for one in stages)
            for name in stages[0]
        }
        fractions = {"own_fraction": round(own, 3), "floor_fraction": round(floor / run, 3)}
        rounded = {name: round(value, 2) for name, value in told.items()}
        return {"share": share, "audit": audit, **fractions, **rounded}


def one_core(weights: Path, film: Path | None, runs: int, core: int) -> list[dict[str, Any]]:
    """A row for each share and audit, medians of the rounds."""
    told = OneCore(weights, film, core)
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        floor = Floor(core, weights, Path(folder))
        for _ in range(runs):
            told.round(floor)
    return told.rows()


def workers(weights: Path, film: Path | None, runs: int) -> list[dict[str, Any]]:
    """Eight clips through Ray with one worker and with two: wall seconds from when they are up."""
    files = [str(made(Clip("720p", _N_FRAMES, "fifth", number), film)) for number in range(1, 9)]
    walls: dict[int, list[float]] = {1: [], 2: []}
    for number in range(runs):
        for n_workers in (1, 2) if number % 2 else (2, 1):
            with tempfile.TemporaryDirectory(prefix="limits-") as folder:
                line = [sys.executable, str(OURS), str(weights), *files, folder]
                used = spent([*line, "--workers", str(n_workers)], None, {})
            walls[n_workers].append(used.frames_wall_s)
            print(
                f"{n_workers} workers: wall {used.frames_wall_s:.1f} s, CPU {used.frames_cpu_s:.1f}"
            )
    ratios = [one / two for one, two in zip(walls[1], walls[2], strict=True)]
    return [
        {
            "what": "two workers over one",
            "clips": len(files),
            "one_wall_s": round(statistics.median(walls[1]), 2),
            "two_wall_s": round(statistics.median(walls[2]), 2),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_least": round(min(ratios), 3),
            "ratio_most": round(max(ratios), 3),
        }
    ]


@click.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--model", default=NAMES[0], show_default=True, type=click.Choice(NAMES))
@click.option("--film", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--core", default=0, show_default=True, help="For what runs on one core.")
@click.option("--only", type=click.Choice(["one-core", "workers"]), help="Half of it.")
def main(*, runs: int, model: str, film: Path | None, core: int, only: str | None) -> None:
    """Measure, print, and record as ``limits`` and ``workers``."""
    read_environment()  # Ultralytics is to phone nobody
    weights = random_weights(model)
    facts = {"model": model, "film": film.name if film else "bigbuckbunny.mp4", "runs": runs}
    found = {}
    if only != "workers":
        found["limits"] = one_core(weights, film, runs, core)
    if only != "one-core":
        found["workers"] = workers(weights, film, runs)
    for name, rows in found.items():
        for row in rows:
            print(row)
        print(record(name, rows, facts))


if __name__ == "__main__":
    main()

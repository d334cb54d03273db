"""What clusters of 1 to 1,000 nodes would do with a night of uploads: a simulation.

    python benchmarks/scale.py [--costs FILE] [--videos 1000000] [--quick]

A discrete-event simulation of one job: its driver does one thing at a time, in order; its workers
take the steps of the oldest video first; a bounded number of videos is in hand; the store takes so
many requests a second. Nodes are of two kinds: 16 cores, and 16 cores with a GPU that looks at
1,000 frames a second (assumed, of the order of an L4). Durations spread around a minute of 720p
at 30 frames a second; a fifth of all frames lie in masked GOPs; 1 % of the uploads are broken; 2 %
of the nodes run at half speed, and every step takes a little more or less than it should.

A night is too long to simulate whole: the rate of a few thousand videos in steady state is carried
on to all, and the tail is added. With several jobs one of them is simulated, with its share of the
workers and of the store. Costs are those of ``core.forecast``, over which those measured here
(results/stages.json, driver.json) or a ``--costs`` file of JSON win. Takes about two minutes.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from night import MEGAPIXELS, Servers, Simulation, uploads
from record import read, record

from fearrefactor.core.forecast import (
    MEASURED,
    Cluster,
    Costs,
    Demand,
    drivers_needed,
    forecast,
)

if TYPE_CHECKING:
    from record import Row

GPU_FRAMES_PER_S = 1000
NODES = (1, 10, 100, 1000)
KINDS = {"16 cores": 0, "16 cores, 1 GPU": 1}


def simulate(cluster: Cluster, costs: Costs, n_night: int, n: int) -> Row:
    """A night on a cluster, concluded from ``n`` videos of one of its jobs."""
    simulation = Simulation(cluster, costs)
    simulation.run(n)
    ended = simulation.ended_s
    first, last = len(ended) // 4, len(ended) * 3 // 4
    rate = (last - first) / (ended[last] - ended[first])
    per_job = n_night / cluster.n_drivers
    wall_s = simulation.now_s + max(0.0, per_job - n) / rate
    closed = forecast(_night(costs, n_night), cluster)
    told: Row = {
        "nodes": cluster.n_nodes,
        "jobs": cluster.n_drivers,
        "wall_h": round(wall_s / 3600, 2),
        "videos_per_s": round(n_night / wall_s, 1),
        "node_hours": round(wall_s * cluster.n_nodes / 3600, 1),
    }
    busy = {
        "cores": _share(simulation.cores, simulation.now_s),
        "GPUs": _share(simulation.gpus, simulation.now_s),
        "driver": _share(simulation.driver, simulation.now_s),
        "store reads": _share(simulation.reads, simulation.now_s),
        "store writes": _share(simulation.writes, simulation.now_s),
    }
    told |= {f"{name}_busy": round(value, 2) for name, value in busy.items() if value}
    told["bound"] = max(busy, key=busy.__getitem__)
    told["formula_h"] = round(closed.wall_s / 3600, 2)
    told["formula_bound"] = closed.bound
    told["formula_over_simulation"] = round(closed.wall_s / wall_s, 3)
    return told


def _share(servers: Servers, seconds: float) -> float:
    return servers.busy_s / (seconds * len(servers.slowness)) if servers.slowness else 0.0


def _night(costs: Costs, n_night: int, n_drawn: int = 4000) -> Demand:
    drawn = uploads(costs, n_drawn, 8)
    whole = sum((upload.demand for upload in drawn if not upload.is_broken), Demand())
    return whole.times(n_night / n_drawn)


def costs_of(path: Path | None) -> tuple[Costs, dict[str, str]]:
    """``MEASURED`` with what benchmarks have measured on this machine; where each comes from."""
    found: dict[str, float] = {}
    where = {}
    stages = read("stages")
    if stages is not None:
        ms = {str(row["stage"]): float(row["ms"] or 0) for row in stages.rows}
        size = float(stages.facts.get("megapixels", MEGAPIXELS))
        found |= {
            "decode_s_per_mpx": _sum(ms, "decode (detect)", "shrink", "checksum") / size,
            "model_s": _sum(ms, "model"),
            "frame_s": _sum(ms, "collect"),
            "decide_s": _sum(ms, "decide"),
            "render_s_per_mpx": _sum(ms, "decode (render)", "mask", "encode") / size,
            "verify_s_per_mpx": _sum(ms, "verify", "assemble") / size,
        }
        where |= dict.fromkeys(found, "results/stages.json")
    driver = read("driver")
    if driver is not None:
        measured = [row for row in driver.rows if row.get("arm") == "actors"]
        told = _of_driver(measured)
        found |= told
        where |= dict.fromkeys(told, "results/driver.json")
    if path is not None:
        told = json.loads(path.read_text())
        found |= told
        where |= dict.fromkeys(told, path.name)
    return replace(MEASURED, **found), where


def _of_driver(rows: list[Row]) -> dict[str, float]:
    """The driver's CPU seconds for a video, and for a segment at each of its steps.

    Least squares over films of few and of many segments; a masked segment is also rendered and
    audited.
    """
    steps = [
        float(row["segments_per_video"] or 0) + 2 * float(row["masked_segments_per_video"] or 0)
        for row in rows
    ]
    spent_s = [float(row["driver_cpu_ms_per_video"] or 0) / 1000 for row in rows]
    each, fixed = np.polyfit(steps, spent_s, 1)
    return {"driver_video_s": max(0.0, float(fixed)), "driver_segment_s": max(0.0, float(each))}


def _sum(ms: dict[str, float], *names: str) -> float:
    return sum(ms[name] for name in names) / 1000


def nights(costs: Costs, n_night: int, *, quick: bool) -> list[Row]:
    """Of each kind of node and number of them: with one job, and with as many as are needed."""
    rows: list[Row] = []
    for kind, gpus in KINDS.items():
        here = replace(costs, model_s=1 / GPU_FRAMES_PER_S, on_gpu=True) if gpus else costs
        for n_nodes in NODES[:2] if quick else NODES:
            one = Cluster(n_nodes=n_nodes, gpus=gpus)
            needed = min(n_nodes, drivers_needed(_night(here, n_night), one))
            for n_jobs in sorted({1, needed}):
                cluster = replace(one, n_drivers=n_jobs)
                n = max(3000, 10 * n_nodes * one.cores // n_jobs)
                start = time.perf_counter()
                row: Row = {"node": kind} | simulate(cluster, here, n_night, min(n, n_night))
                rows.append(row)
                print(f"{time.perf_counter() - start:.0f} s", row, flush=True)
    return rows


@click.command()
@click.option("--costs", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--videos", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--quick", is_flag=True, help="1 and 10 nodes, nothing recorded.")
def main(path: Path | None, videos: int, *, quick: bool) -> None:
    """Simulate, print and record."""
    costs, where = costs_of(path)
    rows = nights(costs, videos, quick=quick)
    off = max(abs(1 - float(row["formula_over_simulation"] or 0)) for row in rows)
    facts = {
        "videos": videos,
        "gpu_frames_per_s_assumed": GPU_FRAMES_PER_S,
        "formula_off_at_most": round(off, 3),
        "costs": asdict(costs),
        "costs_from": where or "core/forecast.py",
    }
    if not quick:
        print(record("scale", rows, facts))


if __name__ == "__main__":
    main()

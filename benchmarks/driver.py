"""What the driver itself takes: its rate, a manifest of a million rows, ever more videos.

    python benchmarks/driver.py [--rows 1000000] [--actors 8] [--videos 10,1000,10000] [--runs 3]

Nothing is decoded and no model runs: the steps of films are answered at once (``stub_films.py``),
so that what is left is what the driver does for a film and for each of its segments, with ledger,
claims and report. Rows are of four kinds:

    rate      segments and videos a second, by who answers: ``here`` is the driver's own process
              (what its Python takes), ``actors`` are actors of Ray on this machine, which share its
              cores with the driver; ``bare`` are calls of such actors with the same arguments and
              nothing around them, one at a time for each actor (``in turn``) or all ``at once``
    manifest  seconds from the start of a run to the first step of its first row, and those to take
              every row; peak memory (by kind of manifest, each in a process of its own)
    growth    seconds and peak memory of runs of ever more videos of one segment
    ledger    bytes a row, seconds and peak memory of ``status`` and ``reconcile``, of a run of as
              many rows as the manifest has (``stub_ledger.py``)

``driver_cpu_ms`` counts all threads of the driver's process and nothing else, so that it says more
than wall time where other things run on the machine. It takes about fifteen minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import ray
from driver_runs import Clock, alone, films, grown, here, in_ledger, measure_manifests, whole_run
from record import record
from stub_films import CARD, StubSteps, film

from fearrefactor.cluster.packed import Packed, Packer, pack_subject, unpack, unpack_seen
from fearrefactor.cluster.pool import ActorPool
from fearrefactor.cluster.ray_stages import RayStages
from fearrefactor.pipeline.log_lines import Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from driver_runs import Row, Start

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.run_settings import RunSettings

#: Videos, segments of each, and how many of these are masked.
SHAPES = ((600, 1, 0), (600, 1, 1), (10, 200, 0), (10, 200, 40))
_N_CALLS = 3000
_ABOUT = pack_subject(Subject())


class StubWorker(StubSteps):
    """What ``Worker`` offers, of which nothing takes time."""

    def survey(self, _about: bytes, uri: str) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().survey(uri)

    def find(self, _about: bytes, *named: Any) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().find(*named)

    def logged(self, _about: bytes, *named: Any) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().logged(*named)

    def decide(self, _about: bytes, *seen: Any) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().decide(*seen)

    def node_id(self) -> str:
        """See ``Worker``."""
        return str(ray.get_runtime_context().get_node_id())

    def close(self) -> None:
        """See ``Worker``."""

    def detect(self, _about: bytes, packed: Packed) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().detect(*unpack(packed))

    @ray.method(num_returns=2)
    def render(self, _about: bytes, packed: Packed, regions: Any, wanted: Any) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().render(*unpack(packed), regions, wanted)

    def audit(self, _about: bytes, packed: Packed, rendered: Any, frames: Any) -> Any:  # type: ignore[override]
        """See ``Worker``."""
        return super().audit(*unpack(packed), rendered, frames)

    def finish(  # type: ignore[override]
        self, _about: bytes, packed: bytes, rendered: Any, *, whole: bool
    ) -> Any:
        """See ``Worker``."""
        return super().finish(unpack_seen(packed), rendered, whole=whole)


def on_actors(actors: list[Any], clock: Clock) -> Start:
    """Stages on actors that are there, and stay."""

    @contextlib.asynccontextmanager
    async def start(settings: RunSettings, _: Environment) -> AsyncIterator[RayStages]:
        pool = ActorPool(iter(actors).__next__, len(actors), 1)
        pool.start()
        stages = RayStages(CARD, "stub", (pool, pool), settings.job)
        await asyncio.gather(*(pool.call(lambda a: a.node_id.remote(), 60) for _ in range(999)))
        with clock.running():
            yield stages

    return start


def _actor() -> Any:
    wanted = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
    return ray.remote(StubWorker).options(**wanted).remote()


def measure_rate(n_actors: int, n_runs: int) -> Iterator[Row]:
    """Each shape by this process and by actors, in turn; and bare calls."""
    actors = [_actor() for _ in range(n_actors)]
    ray.get([actor.node_id.remote() for actor in actors])
    shapes = [(shape, arm) for shape in SHAPES for arm in ("here", "actors")]
    found: dict[Any, list[Clock]] = {each: [] for each in shapes}
    bare: dict[str, list[Clock]] = {"in turn": [], "at once": []}
    for _ in range(n_runs):
        for shape, arm in shapes:
            clock = Clock()
            start = on_actors(actors, clock) if arm == "actors" else here(4 * n_actors, clock)
            with tempfile.TemporaryDirectory(prefix="driver-") as name:
                whole_run(lambda shape=shape: films(*shape), start, Path(name))
            found[shape, arm].append(clock)
            print(f"{shape} {arm}: {clock.wall_s:.1f} s, CPU {clock.cpu_s:.1f} s", flush=True)
        for arm, clock in bare_calls(actors).items():
            bare[arm].append(clock)
    for ((n_videos, n_segments, n_dirty), arm), clocks in found.items():
        row: Row = {"kind": "rate", "arm": arm, "videos": n_videos}
        row |= {"segments_per_video": n_segments, "masked_segments_per_video": n_dirty}
        yield row | _per_second(clocks, n_videos * n_segments, n_videos)
    for arm, clocks in bare.items():
        yield {"kind": "rate", "arm": f"bare, {arm}", **_per_second(clocks, _N_CALLS)}


def bare_calls(actors: list[Any]) -> dict[str, Clock]:
    """Detecting segments of one film, with nothing else around it than Ray."""
    n_actors = len(actors)
    survey, packer = StubSteps().survey(film(1, 200)), Packer()
    packed = packer.pack(survey.source, survey.index.tasks()[7])
    clocks = {"in turn": Clock(), "at once": Clock()}

    async def in_turn() -> None:
        async def some(actor: Any) -> None:
            for _ in range(_N_CALLS // n_actors):
                await actor.detect.remote(_ABOUT, packed)

        await asyncio.gather(*map(some, actors))

    with clocks["in turn"].running():
        asyncio.run(in_turn())
    with clocks["at once"].running():
        ray.get([actors[i % n_actors].detect.remote(_ABOUT, packed) for i in range(_N_CALLS)])
    return clocks


def _per_second(clocks: list[Clock], n_segments: int, n_videos: int | None = None) -> Row:
    rates = [n_segments / clock.wall_s for clock in clocks]
    told: Row = {
        "segments_per_s": statistics.median(rates),
        "segments_per_s_least": min(rates),
        "segments_per_s_most": max(rates),
        "driver_cpu_ms_per_segment": statistics.median(1e3 * c.cpu_s / n_segments for c in clocks),
    }
    if n_videos is not None:
        told["videos_per_s"] = told["segments_per_s"] * n_videos / n_segments
        told["driver_cpu_ms_per_video"] = told["driver_cpu_ms_per_segment"] * n_segments / n_videos
    return told


@click.command()
@click.option("--rows", "n_rows", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--actors", "n_actors", default=8, show_default=True, type=click.IntRange(1))
@click.option("--videos", default="10,1000,10000", show_default=True, help="Of growing runs.")
@click.option("--runs", "n_runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--only", type=click.Choice(["rate", "manifest", "growth", "ledger"]))
def main(*, n_rows: int, n_actors: int, videos: str, n_runs: int, only: str | None) -> None:
    """Measure, print and, unless it is a part ``--only``, record."""
    rows: list[Row] = []

    def keep(row: Row) -> None:
        rows.append(row)
        shown = (f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in row.items())
        print("  ".join(shown), flush=True)

    if only in {None, "growth"}:
        for n_videos in map(int, videos.split(",")):
            keep({"kind": "growth", **alone(grown, n_videos)})
    if only in {None, "manifest"}:
        for row in measure_manifests(n_rows):
            keep(row)
    if only in {None, "ledger"}:
        keep({"kind": "ledger", **alone(in_ledger, n_rows)})
    if only in {None, "rate"}:
        found = {"env_vars": {"PYTHONPATH": str(Path(__file__).resolve().parent)}}
        ray.init(address="local", include_dashboard=False, log_to_driver=False, runtime_env=found)
        for row in measure_rate(n_actors, n_runs):
            keep(row)
        ray.shutdown()
    if only is None:
        print(record("driver", rows, {"actors": n_actors, "runs": n_runs}))


if __name__ == "__main__":
    main()

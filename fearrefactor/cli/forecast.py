"""``mask --dry-run``: what would be done, about how long it would take, and what bounds it."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from fearrefactor.core.forecast import (
    MEASURED,
    Cluster,
    Demand,
    Film,
    demand,
    drivers_needed,
    forecast,
)
from fearrefactor.core.letterbox import fit
from fearrefactor.core.manifest import parse_row
from fearrefactor.core.report import printable
from fearrefactor.errors import FearRefactorError, ManifestError
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate
from fearrefactor.vision.load import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from fearrefactor.cli.dry_run_options import DryRun
    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.run_settings import Detector, RunSettings
    from fearrefactor.core.forecast import Costs
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.storage.manifest_file import RawRow
    from fearrefactor.vision.segmenter import Segmenter

#: The same rows are drawn each time.
_SEED = 6


@dataclass
class Found:
    """What the rows that were opened amount to, if nothing and if everything is masked."""

    low: Demand = field(default_factory=Demand)
    high: Demand = field(default_factory=Demand)
    n: Counter[str] = field(default_factory=Counter)

    def add(self, film: Film, low: Demand, high: Demand) -> None:
        """One that can be masked."""
        self.low, self.high = self.low + low, self.high + high
        self.n.update(videos=1, frames=int(film.n_frames), segments=int(film.n_segments))


def tell_forecast(
    rows: Iterable[RawRow],
    detector: Detector,
    settings: RunSettings,
    environment: Environment,
    *,
    console: Console,
    wanted: DryRun,
) -> None:
    """Index sources and print videos, frames, segments, and time from low to high.

    The model is timed on this machine, all else is what ``core.forecast.MEASURED`` says. Of many
    rows a sample is opened.
    """
    segmenter = load_segmenter(
        detector.file,
        detector.settings,
        device=detector.device,
        threads=1,
        cache=environment.cache,
    )
    for name in settings.policy.classes:
        segmenter.card.class_id(name)  # the run would not start with one that the model lacks
    table = Table(title="what would be done", title_justify="left")
    for name in ("video", "frames", "segments", "seconds of one core", "why not"):
        table.add_column(name, overflow="fold")
    found = Found()
    costs = _Costs(segmenter, settings)
    opened, n_rows = drawn(rows, wanted.sample)
    for raw in opened:
        name = f"row {raw.number}"
        try:
            if raw.values is None:
                raise ManifestError(f"row {raw.number} cannot be read: {raw.error}")
            row = parse_row(raw.number, raw.values)
            name = printable(row.id, 60)
            index = _index(row.uri, settings, environment)
        except FearRefactorError as error:
            table.add_row(name, "", "", "", f"{error.code}: {printable(str(error))}")
            continue
        film = _film(index)
        low, high = (demand(film, costs.of(index), share) for share in (0.0, 1.0))
        found.add(film, low, high)
        seconds = f"{low.core_s + low.gpu_s:.0f} – {high.core_s + high.gpu_s:.0f}"
        table.add_row(name, str(index.n_frames), str(len(index.segments)), seconds, "")
    console.print(table, markup=False)
    cluster = _cluster(settings, environment, wanted, on_gpu=costs.on_gpu)
    for line in _said(found, len(opened), n_rows, cluster, wanted):
        console.print(line, highlight=False, markup=False)


def drawn(rows: Iterable[RawRow], most: int) -> tuple[list[RawRow], int]:
    """At most so many of the rows, each as likely as any other, in order; and how many there are.

    Algorithm R of Vitter (1985): rows are read once and not kept.
    """
    chosen: list[RawRow] = []
    n_rows = 0
    chance = random.Random(_SEED)  # noqa: S311 - a sample, no secret
    for n_rows, row in enumerate(rows, 1):
        if n_rows <= most:
            chosen.append(row)
        elif (place := chance.randrange(n_rows)) < most:
            chosen[place] = row
    return sorted(chosen, key=lambda row: row.number), n_rows


def _cluster(
    settings: RunSettings, environment: Environment, wanted: DryRun, *, on_gpu: bool
) -> Cluster:
    asked = settings.cluster
    workers = (asked and asked.workers) or environment.n_cores * wanted.nodes
    gpus = ((asked and asked.gpu_workers) or wanted.nodes) if on_gpu else 0
    return Cluster(
        n_nodes=wanted.nodes,
        cores=max(1, workers // wanted.nodes),
        gpus=-(-gpus // wanted.nodes),
    )


def _said(
    found: Found, n_opened: int, n_rows: int, cluster: Cluster, wanted: DryRun
) -> Iterable[str]:
    factor = n_rows / max(1, n_opened)
    low, high = (one.times(factor) for one in (found.low, found.high))
    times = [forecast(one, cluster) for one in (low, high)]
    n = {name: round(found.n[name] * factor) for name in ("videos", "frames", "segments")}
    about = "" if n_opened == n_rows else "about "
    cores = f"{cluster.cores} cores like these"
    if cluster.n_nodes > 1:
        cores = f"{cluster.n_nodes} machines with {cores} each"
    bounds = ", ".join(dict.fromkeys(one.bound for one in times))
    yield (
        f"{about}{n['videos']} videos, {n['frames']} frames, {n['segments']} segments; about "
        f"{_duration(times[0].wall_s)} if nothing and {_duration(times[1].wall_s)} "
        f"if every frame is masked, on {cores}; bound by: {bounds}"
    )
    if about:
        yield f"{n_opened} of {n_rows} rows, drawn at random, were opened; all else is concluded"
    if wanted.price is not None:
        yield (
            f"{times[0].node_hours:.2f} to {times[1].node_hours:.2f} node-hours, which cost "
            f"{times[0].cost(wanted.price):.2f} to {times[1].cost(wanted.price):.2f}"
        )
    if any(one.bound == "driver" for one in times):
        n_jobs = max(drivers_needed(one, cluster) for one in (low, high))
        yield f"{n_jobs} jobs over the same rows would wait for no driver: see --shard"


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36_000 else f"{seconds / 3600:.0f} h"


def _index(uri: str, settings: RunSettings, environment: Environment) -> VideoIndex:
    place = locate(uri)
    with (
        environment.store(place.store_root).open(place.key) as file,
        scratch_folder("dry") as folder,
        MediaChild(file, folder, settings.job.child) as child,
    ):
        return child.index(settings.job.limits, settings.job.cut)


def _film(index: VideoIndex) -> Film:
    info = index.info
    return Film(
        n_frames=index.n_frames,
        megapixels=info.width_px * info.height_px / 1e6,
        n_segments=len(index.segments),
        size_bytes=info.size_bytes,
    )


class _Costs:
    """``MEASURED``, with this machine's time of the model in each shape."""

    def __init__(self, segmenter: Segmenter, settings: RunSettings) -> None:
        self.on_gpu = "cuda" in segmenter.card.runtime
        self._segmenter = segmenter
        self._model_s: dict[tuple[int, int], float] = {}
        is_far = settings.job.output_root.startswith("s3://")
        self._request_s = MEASURED.request_s if is_far else 0.0

    def of(self, index: VideoIndex) -> Costs:
        info = index.info
        side = self._segmenter.card.long_side
        box = fit(info.upright_width_px, info.upright_height_px, info.display_aspect, side)
        shape = (box.input_height, box.input_width)
        if shape not in self._model_s:
            self._model_s[shape] = _time_model(self._segmenter, shape)
        return replace(
            MEASURED,
            model_s=self._model_s[shape],
            on_gpu=self.on_gpu,
            request_s=self._request_s,
        )


def _time_model(segmenter: Segmenter, shape: tuple[int, int]) -> float:
    frames = np.full((1, *shape, 3), 114, np.uint8)
    segmenter.segment(frames)  # compiles
    times = []
    for _ in range(3):
        start = time.perf_counter()
        segmenter.segment(frames)
        times.append(time.perf_counter() - start)
    return sorted(times)[1]

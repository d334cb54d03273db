"""One job of a night, simulated: a driver, workers, GPUs, and the store's share (see scale.py).

The driver does one thing at a time. Workers take the steps of the oldest video first. A bounded
number of videos is in hand. Nodes differ in speed, and steps in what they take.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fearrefactor.core.forecast import Cluster, Costs, Demand, Film, demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FPS, MEGAPIXELS, BYTES_PER_S = 30, 0.9216, 250_000
SEGMENT_FRAMES = 270  # whole GOPs of at least 240
MASKED_VIDEOS, MASKED_WITHIN = 0.4, 0.5
BROKEN, SLOW_NODES, SLOW, SPREAD = 0.01, 0.02, 2.0, 0.1


@dataclass(frozen=True)
class Upload:
    """A video of the night."""

    number: int
    film: Film
    masked_share: float
    is_broken: bool
    demand: Demand


def uploads(costs: Costs, n: int, seed: int) -> Iterator[Upload]:
    """``n`` of a night's videos."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    for number in range(n):
        # Log-normal with a mean of a minute, as lengths of uploads are.
        seconds = min(600.0, max(3.0, chance.lognormvariate(math.log(60) - 0.6**2 / 2, 0.6)))
        frames = round(seconds * FPS)
        is_masked = chance.random() < MASKED_VIDEOS
        share = min(1.0, chance.uniform(0, 2 * MASKED_WITHIN)) if is_masked else 0.0
        segments = math.ceil(frames / SEGMENT_FRAMES)
        film = Film(frames, MEGAPIXELS, segments, seconds * BYTES_PER_S)
        wanted = demand(film, costs, share)
        yield Upload(number, film, share, chance.random() < BROKEN, wanted)


@dataclass
class Servers:
    """Those that do one thing each at a time; ``slowness`` of each, 1 being as it should be."""

    slowness: list[float]
    waiting: list[tuple[int, int, float, Callable[[], None]]] = field(default_factory=list)
    busy_s: float = 0.0

    def __post_init__(self) -> None:
        self.idle = deque(self.slowness)


class Simulation:
    """One job: a driver, cores, GPUs and its share of the store."""

    def __init__(self, cluster: Cluster, costs: Costs, seed: int = 6) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self.costs = costs
        share = cluster.n_drivers
        n_nodes = max(1, round(cluster.n_nodes / share))
        speeds = [SLOW if self._chance.random() < SLOW_NODES else 1.0 for _ in range(n_nodes)]
        self._chance.shuffle(speeds)
        self.cores = Servers([speed for speed in speeds for _ in range(cluster.cores)])
        self.gpus = Servers([speed for speed in speeds for _ in range(cluster.gpus)])
        self.driver = Servers([1.0])
        self.writes, self.reads = Servers([1.0]), Servers([1.0])
        self.write_s = share / cluster.writes_per_s
        self.read_s = share / cluster.reads_per_s
        self._most_in_hand = 2 * (len(self.cores.slowness) + 4 * len(self.gpus.slowness))
        self._events: list[tuple[float, int, Servers, float, Callable[[], None]]] = []
        self._number = 0
        self.now_s = 0.0
        self.ended_s: list[float] = []

    def run(self, n: int) -> None:
        """``n`` videos, from the first to the last."""
        coming = uploads(self.costs, n, 7)

        def take() -> None:
            upload = next(coming, None)
            if upload is not None:
                Course(upload, self, take).begin()

        for _ in range(self._most_in_hand):
            take()
        while self._events:
            self.now_s, _, servers, slowness, then = heapq.heappop(self._events)
            servers.idle.append(slowness)
            self._serve(servers)
            then()

    def ask(self, servers: Servers, number: int, cost_s: float, then: Callable[[], None]) -> None:
        """Have something done for the video ``number``, and go on with ``then``."""
        self._number += 1
        heapq.heappush(servers.waiting, (number, self._number, cost_s, then))
        self._serve(servers)

    def _serve(self, servers: Servers) -> None:
        while servers.idle and servers.waiting:
            slowness = servers.idle.popleft()
            _, number, cost_s, then = heapq.heappop(servers.waiting)
            took_s = cost_s * slowness * self._chance.lognormvariate(0, SPREAD)
            servers.busy_s += took_s
            heapq.heappush(self._events, (self.now_s + took_s, number, servers, slowness, then))


class Course:
    """One video's way through the stages."""

    def __init__(self, upload: Upload, job: Simulation, end: Callable[[], None]) -> None:
        self._upload, self._job, self._end = upload, job, end
        self._demand = upload.demand
        self._n = int(upload.film.n_segments)
        self._n_dirty = math.ceil(self._n * upload.masked_share)
        self._left = 0

    def begin(self) -> None:
        """The driver takes it."""
        self._ask(self._job.driver, self._job.costs.driver_video_s, self._survey)

    def _ask(self, servers: Servers, cost_s: float, then: Callable[[], None]) -> None:
        self._job.ask(servers, self._upload.number, cost_s, then)

    def _survey(self) -> None:
        wanted = self._demand
        then = self._ended if self._upload.is_broken else self._dispatch
        self._ask(self._job.cores, wanted.video_s + wanted.wait_s / 2, then)

    def _dispatch(self) -> None:
        self._left = self._n
        for _ in range(self._n):
            self._ask(self._job.driver, self._job.costs.driver_segment_s, self._detect)

    def _detect(self) -> None:
        wanted = self._demand
        then = self._look if wanted.gpu_s else self._detected
        self._ask(self._job.cores, (wanted.decode_s + wanted.model_s) / self._n, then)

    def _look(self) -> None:
        self._ask(self._job.gpus, self._demand.gpu_s / self._n, self._detected)

    def _detected(self) -> None:
        self._left -= 1
        if not self._left and self._n_dirty:
            self._ask(self._job.cores, self._demand.decide_s, self._decided)
        elif not self._left:
            self._finish()

    def _decided(self) -> None:
        costs, self._left = self._job.costs, self._n_dirty
        spent_s = costs.driver_video_s + self._n * costs.driver_segment_s
        for _ in range(self._n_dirty):
            rest_s = (self._demand.driver_s - spent_s) / self._n_dirty
            self._ask(self._job.driver, rest_s, self._render)

    def _render(self) -> None:
        wanted = self._demand
        self._ask(
            self._job.cores, (wanted.render_s + wanted.audit_s) / self._n_dirty, self._rendered
        )

    def _rendered(self) -> None:
        self._left -= 1
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        wanted = self._demand
        self._ask(self._job.cores, wanted.verify_s + wanted.wait_s / 2, self._read)

    def _read(self) -> None:
        self._ask(self._job.reads, self._demand.reads * self._job.read_s, self._write)

    def _write(self) -> None:
        self._ask(self._job.writes, self._demand.writes * self._job.write_s, self._ended)

    def _ended(self) -> None:
        self._job.ended_s.append(self._job.now_s)
        self._end()

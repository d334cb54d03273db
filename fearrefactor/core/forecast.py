"""How long videos will take, and on what they wait: costs, demand, a cluster, a forecast.

All functions are pure. Costs are of one core, one GPU and one driver; ``MEASURED`` names where they
come from. What a video demands adds up over videos, and a cluster meets each kind of demand at a
rate of its own: the kind that takes longest is what bounds the night (``benchmarks/scale.py`` holds
this against a simulation).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a night may wait for; "longest video": with more machines it would still take as long.
BOUNDS: Final = (
    *("cores", "GPUs", "driver", "store writes", "store reads", "network", "longest video"),
)


@dataclass(frozen=True)
class Costs:
    """What the steps take. ``_s`` are seconds of a core, of a driver where they say so.

    ``_s_per_mpx`` are for a million pixels of a frame: ``decode`` counts shrinking and checksum,
    ``render`` decode, mask and encode, ``verify`` what was rendered, ``copy`` what was not (it is
    assembled, and a sample decoded). ``model_s`` is of a frame, on a core or, with ``on_gpu``, on
    a GPU; ``frame_s`` what its answers cost. One masked frame in ``audit_every`` is looked at
    again, and the plan of one takes ``decide_s``. ``video_s``: media children, opening, publishing.
    The driver takes so much for a video, for a segment at each step, and for what it passes on of
    a masked frame. A worker waits ``request_s`` for the store at each request.
    """

    decode_s_per_mpx: float
    model_s: float
    frame_s: float
    render_s_per_mpx: float
    verify_s_per_mpx: float
    copy_s_per_mpx: float
    decide_s: float
    video_s: float
    driver_video_s: float
    driver_segment_s: float
    driver_frame_s: float
    audit_every: int = 10
    writes_per_video: float = 7
    reads_per_video: float = 16
    read_bytes: int = 4 << 20
    request_s: float = 0.03
    on_gpu: bool = False


#: On one core of an x86-64 with AVX-512: benchmarks/stages.py (720p H.264, yolov5s-seg in bf16),
#: ``copy`` and ``video`` benchmarks/smart_rendering.py and benchmarks/protocol.py, the driver's
#: benchmarks/driver.py. Requests are those of a run of 720p films, counted; what one takes is
#: assumed.
MEASURED: Final = Costs(
    decode_s_per_mpx=0.0044,
    model_s=0.095,
    frame_s=0.0009,
    render_s_per_mpx=0.0122,
    verify_s_per_mpx=0.0096,
    copy_s_per_mpx=0.0009,
    decide_s=0.0024,
    video_s=0.05,
    driver_video_s=0.01,
    driver_segment_s=0.001,
    driver_frame_s=0.0001,
)


@dataclass(frozen=True)
class Film:
    """What of a video decides what it costs; ``megapixels`` are of one frame."""

    n_frames: float
    megapixels: float
    n_segments: float
    size_bytes: float


@dataclass(frozen=True)
class Demand:
    """What videos take: seconds of a core by step, of a GPU, of a driver; requests, bytes.

    ``wait_s``: seconds that workers hold a core and wait for the store. ``longest_s``: how long the
    one that takes longest would take with a machine for each of its segments.
    """

    decode_s: float = 0.0
    model_s: float = 0.0
    decide_s: float = 0.0
    render_s: float = 0.0
    audit_s: float = 0.0
    verify_s: float = 0.0
    video_s: float = 0.0
    wait_s: float = 0.0
    gpu_s: float = 0.0
    driver_s: float = 0.0
    writes: float = 0.0
    reads: float = 0.0
    network_bytes: float = 0.0
    longest_s: float = 0.0

    @property
    def steps(self) -> Mapping[str, float]:
        """Seconds of a core by step."""
        names = ("decode", "model", "decide", "render", "audit", "verify", "video", "wait")
        return MappingProxyType({name: getattr(self, f"{name}_s") for name in names})

    @property
    def core_s(self) -> float:
        """Seconds of a core, waiting included."""
        return sum(self.steps.values())

    def __add__(self, other: Demand) -> Demand:
        names = [field.name for field in fields(self) if field.name != "longest_s"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Demand(**sums, longest_s=max(self.longest_s, other.longest_s))

    def times(self, n: float) -> Demand:
        """Of ``n`` times as many videos, of which none is longer."""
        names = [field.name for field in fields(self) if field.name != "longest_s"]
        return replace(self, **{name: getattr(self, name) * n for name in names})


@dataclass(frozen=True)
class Cluster:
    """Nodes that are alike, and what they share.

    ``n_drivers``: jobs that work on the rows side by side, each with a shard of them. The limits of
    the store are S3's own, of one prefix; ``network_bytes_per_s`` is of a node.
    """

    n_nodes: int = 1
    cores: int = 16
    gpus: int = 0
    n_drivers: int = 1
    writes_per_s: float = 3500
    reads_per_s: float = 5500
    network_bytes_per_s: float = 1.25e9

    def __post_init__(self) -> None:
        if min(self.n_nodes, self.cores, self.n_drivers) < 1 or self.gpus < 0:
            msg = f"expected a node with a core and a driver at least, got {self}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Forecast:
    """``busy_s``: for how long each of ``BOUNDS`` would keep the videos waiting, alone."""

    wall_s: float
    node_hours: float
    bound: str
    busy_s: Mapping[str, float]

    def cost(self, price_per_node_hour: float) -> float:
        """In the currency of the price."""
        return self.node_hours * price_per_node_hour


def demand(film: Film, costs: Costs, masked_share: float) -> Demand:
    """What one video takes of which ``masked_share`` of the frames, in [0, 1], lies in masked GOPs.

    Every frame is decoded and looked at; masked ones are decided on, rendered, verified and now and
    then looked at again; all others are copied.
    """
    masked = film.n_frames * masked_share
    all_mpx = film.n_frames * film.megapixels
    look_s = costs.model_s + costs.frame_s
    audited = masked / costs.audit_every
    decode_s = all_mpx * costs.decode_s_per_mpx
    model_s = film.n_frames * costs.model_s
    render_s = all_mpx * masked_share * costs.render_s_per_mpx
    verify_s = all_mpx * (
        masked_share * costs.verify_s_per_mpx + (1 - masked_share) * costs.copy_s_per_mpx
    )
    audit_s = audited * (film.megapixels * costs.decode_s_per_mpx + look_s)
    # A checksum, detection, putting together and verifying each read it once; rendering its share.
    n_bytes = film.size_bytes * (4 + 2 * masked_share)
    reads = costs.reads_per_video + n_bytes / costs.read_bytes
    wait_s = (reads + costs.writes_per_video) * costs.request_s
    frames_s = film.n_frames * costs.frame_s
    driver_s = (
        costs.driver_video_s
        + costs.driver_segment_s * film.n_segments * (1 + 2 * masked_share)
        + costs.driver_frame_s * masked
    )
    gpu_s = (film.n_frames + audited) * costs.model_s if costs.on_gpu else 0.0
    return Demand(
        decode_s=decode_s + frames_s,
        model_s=0.0 if costs.on_gpu else model_s,
        decide_s=masked * costs.decide_s,
        render_s=render_s,
        audit_s=audit_s - (audited * costs.model_s if costs.on_gpu else 0.0),
        verify_s=verify_s,
        video_s=costs.video_s,
        wait_s=wait_s,
        gpu_s=gpu_s,
        driver_s=driver_s,
        writes=costs.writes_per_video,
        reads=reads,
        network_bytes=n_bytes + film.size_bytes,
        longest_s=(decode_s + frames_s + model_s + render_s + audit_s) / max(1, film.n_segments)
        + masked * costs.decide_s
        + verify_s
        + costs.video_s
        + wait_s
        + driver_s,
    )


def forecast(wanted: Demand, cluster: Cluster) -> Forecast:
    """How long ``wanted`` takes on ``cluster``.

    Raises:
        ValueError: GPUs are wanted, and it has none.
    """
    if wanted.gpu_s and not cluster.gpus:
        msg = "the model's time is a GPU's, and this cluster has none"
        raise ValueError(msg)
    alone_s = (
        wanted.core_s / (cluster.n_nodes * cluster.cores),
        wanted.gpu_s / (cluster.n_nodes * max(1, cluster.gpus)),
        wanted.driver_s / cluster.n_drivers,
        wanted.writes / cluster.writes_per_s,
        wanted.reads / cluster.reads_per_s,
        wanted.network_bytes / (cluster.n_nodes * cluster.network_bytes_per_s),
        wanted.longest_s,
    )
    busy_s = dict(zip(BOUNDS, alone_s, strict=True))
    bound = max(busy_s, key=busy_s.__getitem__)
    wall_s = busy_s[bound]
    return Forecast(wall_s, wall_s * cluster.n_nodes / 3600, bound, MappingProxyType(busy_s))


def drivers_needed(wanted: Demand, cluster: Cluster, share: float = 0.7) -> int:
    """How many drivers keep all of them below a ``share`` of the time that the rest takes.

    A driver that is busier than that makes workers wait, though it does not bound the night.
    """
    busy_s = forecast(wanted, cluster).busy_s
    rest_s = max(value for name, value in busy_s.items() if name != "driver")
    return max(1, -int(-wanted.driver_s // (share * rest_s))) if rest_s else 1

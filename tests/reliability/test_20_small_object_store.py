"""Try 20: Ray's object store is as small as it can be, and packets are larger than that."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import ray
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from local_ray import start_ray
from nights import Night, rows_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.pipeline.stages import Stages

#: Ray takes no less.
STORE_MIB = 75
WIDTH, HEIGHT, N_FRAMES = 640, 352, 60


def noise(n: int) -> Iterator[bytes]:
    """Films of grey noise, some 13 MB each, in which a red lamp shines all the time.

    They are MPEG-2, in which so many bytes are soon encoded.
    """
    random = np.random.default_rng(20)
    for _ in range(n):
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as out:
            stream: Any = out.add_stream("mpeg2video", rate=24)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.gop_size = 12
            stream.bit_rate = stream.codec_context.bit_rate_tolerance = 40_000_000
            stream.options = {"qmin": "1", "qmax": "2"}
            for index in range(N_FRAMES):
                grey = random.integers(0, 256, (HEIGHT, WIDTH, 1), np.uint8)
                pixels = np.repeat(grey, 3, axis=2)
                pixels[64:192, 64:192] = (230, 20, 20)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 24)
                for packet in stream.encode(frame):
                    out.mux_one(packet)
            for packet in stream.encode(None):
                out.mux_one(packet)
        yield file.getvalue()


def unbounded(stages: Stages) -> Stages:
    """As if there were memory without end."""
    stages.packet_room_bytes = None  # type: ignore[misc]
    return stages


@pytest.fixture
def small_store(no_ray: None) -> Iterator[None]:  # noqa: ARG001 - first there is none
    """A Ray of this test's own."""
    start_ray(store_mib=STORE_MIB)
    yield
    ray.shutdown()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("small_store")
def test_packets_that_are_larger_than_the_store_are_not_lost(
    night_folder: Path, *, full: bool, tried: Trial
) -> None:
    n_films = 40 if full else 6
    rows = rows_in(night_folder / "films", noise(n_films))
    night = Night(f"{night_folder}/bounded/", rows, workers=2)
    ways = {"overflowing": unbounded, **({"bounded": None} if full else {})}
    for name, around in ways.items():
        night = replace(night, output=f"{night_folder}/{name}/", around=around)
        report, reports = night.run()
        assert report.outcomes["masked"] == n_films, [told.reason for told in reports]
        n_bytes = sum(told.output_bytes or 0 for told in reports)
        assert n_bytes > STORE_MIB << 20
        assert_invariants(night)
        assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(replace(night, workers=None, around=None))
    tried(
        f"{n_films} films, {n_bytes >> 20} MiB of packets, a store of {STORE_MIB} MiB",
        f"0 lost, {' and '.join(ways)}",
    )

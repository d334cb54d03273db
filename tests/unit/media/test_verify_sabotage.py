from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic
from repacked import Repacked, with_bytes
from walk import LIMITS, expectation, index_of, put_together

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.errors import FidelityError
from fearrefactor.media.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from av.packet import Packet

    from fearrefactor.core.video import VideoIndex
    from fearrefactor.media.verify import Expected

#: Four GOPs of 12 frames. The second one is masked in all but its first two frames: a face that
#: fills an eighth of the picture, and a far one of 12 × 12 pixels.
DIRTY = range(14, 24)
NEAR, FAR = (30, 40, 70, 80), (120, 60, 132, 72)


def region(x1: int, y1: int, x2: int, y2: int, kind: str = "fill") -> Region:
    bits = np.zeros((48, 80), np.uint8)
    bits[y1 // 2 : y2 // 2, x1 // 2 : x2 // 2] = 1
    effect = {"kind": kind, "color": "#ff00ff"} if kind == "fill" else {"kind": kind}
    return Region(Effect.model_validate(effect), encode(bits[None])[0], 40.0)


PLAN = dict.fromkeys(DIRTY, (region(*NEAR), region(*FAR)))


@dataclass(frozen=True)
class Case:
    """A source, and what its result should be."""

    data: bytes
    index: VideoIndex
    expected: Expected

    def result(self, plan: Mapping[int, Sequence[Region]] = PLAN) -> bytes:
        """The spliced result of a plan, perhaps of another one than it should be."""
        with TemporaryDirectory() as folder:
            return put_together(self.data, self.index, plan, Path(folder)).read_bytes()

    def check(self, result: bytes) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "result"
            path.write_bytes(result)
            verify(io.BytesIO(self.data), path, self.expected, LIMITS)


@cache
def case() -> Case:
    recipe = replace(
        synthetic.Recipe(), audio=("aac",), subtitles="mov_text", options={"bf": "2", "crf": "12"}
    )
    data = synthetic.film(recipe)
    index = index_of(data)
    return Case(data, index, expectation(data, index, PLAN))


@cache
def honest() -> Repacked:
    return Repacked(case().result())


def test_the_honest_result_passes_and_so_does_the_same_from_another_muxer() -> None:
    case().check(honest().data)
    case().check(honest().honest())


def without(number: int) -> Any:
    return lambda n, packet: None if n == number else packet


def later(number: int, ticks: int) -> Any:
    def change(n: int, packet: Packet[Any]) -> Packet[Any]:
        if n == number:
            packet.pts = (packet.pts or 0) + ticks
        return packet

    return change


def later_in_all(number: int, ticks: int) -> Any:
    def change(n: int, packet: Packet[Any]) -> Packet[Any]:
        if n == number:
            packet.pts = packet.dts = (packet.pts or 0) + ticks
        return packet

    return change


def flipped(number: int, bit: int) -> Any:
    def change(n: int, packet: Packet[Any]) -> Packet[Any]:
        if n != number:
            return packet
        data = bytearray(bytes(packet))
        data[-2] ^= 1 << bit
        return with_bytes(packet, bytes(data))

    return change


def swapped(first: int, second: int, packets: list[bytes]) -> Any:
    """Two GOPs of 12 packets, each at the times of the other."""

    def change(n: int, packet: Packet[Any]) -> Packet[Any]:
        other = {first: second, second: first}.get(n // 12)
        return packet if other is None else with_bytes(packet, packets[12 * other + n % 12])

    return change


def taken_from(gop: int, packets: list[bytes]) -> Any:
    return lambda n, packet: with_bytes(packet, packets[n]) if n // 12 == gop else packet


def longer(number: int, ticks: int) -> Any:
    def change(n: int, packet: Packet[Any]) -> Packet[Any]:
        if n == number:
            packet.duration += ticks
        return packet

    return change


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("video", lambda: without(30), "frames: expected 48, the result has 47"),
        ("video", lambda: without(17), "frames: expected 48, the result has 47"),
        ("video", lambda: later(30, 1), r"time of frame \d+: expected"),
        ("video", lambda: later(15, 1), r"time of frame 15: expected"),
        (
            "video",
            lambda: swapped(2, 3, honest().packets()),
            "video packet 24 was to be copied: its bytes have changed",
        ),
        ("video", lambda: swapped(1, 2, honest().packets()), "packet 24 was to be copied"),
        ("video", lambda: flipped(30, 5), "video packet 30 was to be copied: its bytes have chan"),
        (
            "video",
            lambda: taken_from(1, Repacked(case().data).packets()),
            "GOP 1 was to be rendered: 12 video packets are still the source's",
        ),
        ("video", lambda: longer(47, 40), "duration of video packet 47, copied: expected 0.041667"),
        ("audio", lambda: without(20), r"track 0 \(aac\): expected 95 packets, got 94"),
        ("audio", lambda: without(94), r"track 0 \(aac\): expected 95 packets, got 94"),
        ("audio", lambda: later_in_all(20, 9), r"track 0 \(aac\): expected packet 20 at 0.4"),
        (
            "audio",
            lambda: flipped(20, 5),
            r"track 0 \(aac\): its bytes have changed, from packet 2",
        ),
        ("subtitle", lambda: without(4), r"track 1 \(mov_text\): expected 3 packets, got 2"),
        ("subtitle", lambda: without(2), r"track 1 \(mov_text\): expected 3 packets, got 2"),
    ],
)
def test_packets_that_were_tampered_with_are_named(
    kind: str, change: Callable[[], Any], message: str
) -> None:
    repacked = honest()
    result = repacked.video(change()) if kind == "video" else repacked.beside(kind, change())
    with pytest.raises(FidelityError, match=message):
        case().check(result)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({17: ()}, r"frame 17 at \(\d+, \d+\) px: expected it masked"),
        ({14: ()}, "frame 14 at .* expected it masked"),
        ({23: ()}, "frame 23 at .* expected it masked"),
        ({19: (region(*NEAR),)}, r"frame 19 at \((112|128), (48|64)\) px: expected it masked"),
        ({19: (region(*FAR),)}, "frame 19 at .* expected it masked"),
        (
            dict.fromkeys(DIRTY, (region(50, 40, 90, 80), region(*FAR))),
            "frame 14 at .* expected luma",
        ),
        (
            {16: (*PLAN[16], region(0, 80, 16, 96))},
            r"frame 16 at \(0, 80\) px: expected luma \d+, got \d+",
        ),
        ({13: (region(64, 16, 96, 48),)}, r"frame 13 at .* px: expected luma"),
        (
            {20: (region(0, 0, 160, 96),)},
            "frame 20",
        ),
    ],
)
def test_a_frame_that_was_rendered_after_another_plan_is_named(
    frames: dict[int, tuple[Region, ...]], message: str
) -> None:
    other = {frame: found for frame, found in (PLAN | frames).items() if found}
    with pytest.raises(FidelityError, match=message):
        case().check(case().result(other))


def test_a_copied_frame_that_is_not_the_one_inspected_is_named() -> None:
    checksums = case().expected.checksums.copy()
    checksums[11] ^= 1  # of the copied GOP before the rendered one
    other = replace(case(), expected=replace(case().expected, checksums=checksums))
    with pytest.raises(FidelityError, match="frame 11, copied: expected the picture that was insp"):
        other.check(honest().data)

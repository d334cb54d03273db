"""A finished film, packet by packet into another file: with one of them lost, late or another."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet


@dataclass(frozen=True)
class Repacked:
    """The packets of a film, in the order in which they stand in it, for another file like it."""

    data: bytes

    def video(self, change: Callable[[int, Packet[Any]], Packet[Any] | None]) -> bytes:
        """A film with its n-th video packets changed, those of None left out."""
        return self._written("video", change)

    def beside(self, kind: str, change: Callable[[int, Packet[Any]], Packet[Any] | None]) -> bytes:
        """A film with the n-th packets of its first track of a kind changed."""
        return self._written(kind, change)

    def honest(self) -> bytes:
        """Nothing changed: what is found in the others is not this class's doing."""
        return self._written("none", lambda _, packet: packet)

    def packets(self) -> list[bytes]:
        """The bytes of the video packets."""
        with av.open(io.BytesIO(self.data), "r") as found:
            return [bytes(packet) for packet in found.demux(video=0) if packet.size]

    def _written(
        self, kind: str, change: Callable[[int, Packet[Any]], Packet[Any] | None]
    ) -> bytes:
        file = io.BytesIO()
        with av.open(io.BytesIO(self.data), "r") as found:
            clock = {"movie_timescale": str(found.streams.video[0].time_base.denominator)}
            with av.open(file, "w", format="mp4", container_options=clock) as out:
                targets = {
                    s.index: out.add_stream_from_template(s, opaque=True) for s in found.streams
                }
                for stream in found.streams:
                    targets[stream.index].metadata.update(stream.metadata)
                    if stream.type == "subtitle":
                        targets[stream.index].time_base = stream.time_base
                number = 0
                for packet in found.demux():
                    sent: Packet[Any] | None = packet
                    if not packet.size:
                        continue
                    target = targets[packet.stream_index]
                    if packet.stream.type == kind:
                        sent, number = change(number, packet), number + 1
                    if sent is not None:
                        sent.stream = target
                        out.mux_one(sent)
        return file.getvalue()


def with_bytes(packet: Packet[Any], data: bytes) -> Packet[Any]:
    """A packet at the same time with other bytes."""
    made: Packet[Any] = av.Packet(data)
    made.stream = packet.stream
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base, made.is_keyframe = packet.time_base, packet.is_keyframe
    return made

"""A segment as it was coded: packets that whoever decodes them elsewhere is handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.decode import packets_of
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import codec_name, main_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.source import Source

#: Headers of a stream are some hundred bytes.
_MAX_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CodedPacket:
    """One packet as the container holds it; times in the source's time base."""

    data: bytes
    pts: int
    dts: int | None
    is_keyframe: bool


@dataclass(frozen=True)
class CodedSegment:
    """``header`` is what FFmpeg calls extradata; ``packets`` come in decode order, once."""

    codec: str
    header: bytes
    packets: Iterator[CodedPacket]


def coded_segment(source: Source, task: SegmentTask) -> CodedSegment:
    """The packets of a segment, none of them decoded.

    Raises:
        UnsupportedError: the stream changes its headers on the way, or does not time its packets.
        MediaError: they are not the packets that the index saw.
    """
    container, _ = open_source(source, task.info.width_px * task.info.height_px)
    stream = main_video(container)
    header = stream.codec_context.extradata or b""
    if len(header) > _MAX_HEADER_BYTES:
        raise UnsupportedError(f"the stream's header has {len(header)} bytes")

    def packets() -> Iterator[CodedPacket]:
        n = 0
        with container:
            for packet in packets_of(container, stream, task.segment):
                if packet.pts is None or packet.has_sidedata("new_extradata"):
                    raise UnsupportedError(f"packet {n} has no time, or headers of its own")
                n += 1
                yield CodedPacket(bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
        if n != task.segment.n_packets:
            raise MediaError(
                f"expected {task.segment.n_packets} packets in segment {task.segment.index}, "
                f"the file has {n}"
            )

    return CodedSegment(codec_name(stream), header, packets())

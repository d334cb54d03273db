"""One pass over a source's packets: their times, where it can be cut, and whether all of them came.

The header's word is not taken for anything here: what came is held against the limits as it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.decode import decoded, packet_time, shows_nothing
from fearrefactor.media.h264 import ParameterSets
from fearrefactor.media.limited import CHECK_EVERY, check_rate
from fearrefactor.media.nal import has_other_layer, is_clean_cut
from fearrefactor.media.refused import refuse_packet
from fearrefactor.media.streams import codec_name

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from fearrefactor.core.settings import Limits


@dataclass
class PacketTable:
    """Columns of the packet table, in decode order.

    ``pts`` to ``n_bytes`` have an entry for each packet of the picture; ``start_s`` and ``end_s``
    are those of sound and picture together. ``layered``: see ``VideoInfo``.
    """

    pts: list[int] = field(default_factory=list)
    end_pts: int = 0
    shown: list[bool] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    n_bytes: list[int] = field(default_factory=list)
    sets: ParameterSets | None = None
    layered: bool = False
    n_corrupt: int = 0
    start_s: float = math.inf
    end_s: float = 0.0

    def check(self, n_packets: int, time_base: Fraction, limits: Limits) -> None:
        """Hold what came so far against the limits, whatever the header has said.

        Raises:
            LimitError: it is more than may come, or comes too fast.
        """
        limits.check("packets", n_packets, f"{n_packets} packets")
        limits.check("frames", len(self.pts), f"{len(self.pts)} frames")
        seconds = max(0.0, self.end_s - self.start_s)
        limits.check("duration", seconds, f"{seconds:.0f} s")
        check_rate(self.pts[-CHECK_EVERY:], time_base, limits)


def read_packets(
    container: InputContainer, stream: VideoStream, limits: Limits, *, only_first: bool
) -> PacketTable:
    """The packets of ``stream``, to the end of the file or ``only_first``.

    Raises:
        MediaError: there is none, or one cannot be read; LimitError, UnsupportedError.
    """
    table = PacketTable()
    codec = codec_name(stream)
    extradata = stream.codec_context.extradata or b""
    if codec == "h264":
        table.sets = ParameterSets.of_header(extradata)
    time_base = Fraction(stream.time_base or 1)
    n_packets = 0
    for n_packets, packet in enumerate(decoded(container.demux()), start=1):
        if not n_packets % CHECK_EVERY:
            table.check(n_packets, time_base, limits)
        if not packet.size:
            continue
        refuse_packet(packet)
        # In a transport stream the mark only says that a counter jumped; the decoder tells more.
        table.n_corrupt += packet.is_corrupt and container.format.name != "mpegts"
        time = packet_time(packet)
        if time is not None and packet.time_base and packet.stream.type in {"video", "audio"}:
            end = float((time + (packet.duration or 0)) * packet.time_base)
            table.end_s = max(table.end_s, end)
            table.start_s = min(table.start_s, float(time * packet.time_base))
        if packet.stream_index == stream.index:
            _add(table, packet, time, codec, extradata)
            if only_first:  # telephones hide more pictures behind the first one of a JPEG
                break
    table.check(n_packets, time_base, limits)
    if not table.pts:
        raise MediaError("the video stream has no packets", code="truncated")
    check_rate(table.pts, time_base, limits)
    return table


def _add(
    table: PacketTable, packet: Packet[Stream], time: int | None, codec: str, extradata: bytes
) -> None:
    if time is None:
        raise UnsupportedError(f"timestamps: video packet {len(table.pts)} has none")
    table.pts.append(time)
    table.end_pts = max(table.end_pts, time + (packet.duration or 0))
    table.shown.append(not packet.is_discard and not shows_nothing(packet, codec))
    table.cut.append(packet.is_keyframe and is_clean_cut(packet, codec, extradata))
    table.n_bytes.append(packet.size)
    if table.sets is not None:
        table.sets.look_at(packet, extradata)
        table.layered = table.sets.layered
    elif codec == "hevc":
        table.layered = table.layered or has_other_layer(packet, extradata)


def check_complete(container: InputContainer, packets: PacketTable, n_promised: int) -> None:
    """Truncation is silent in most containers: compare what was claimed with what came.

    ``n_promised``: how many packets the header tells of; 0 where it does not say.

    Raises:
        MediaError: ``truncated``.
    """
    if packets.n_corrupt or (n_promised and len(packets.pts) < n_promised):
        raise MediaError(
            f"{len(packets.pts)} of {n_promised or '?'} video packets can be read, "
            f"{packets.n_corrupt} of all packets are cut short; expected the whole file",
            code="truncated",
        )
    claimed_s = (container.duration or 0) / 1_000_000
    if packets.end_s < 0.9 * claimed_s - 0.5:
        raise MediaError(
            f"the file says {claimed_s:.2f} s but its packets end at {packets.end_s:.2f} s",
            code="truncated",
        )

"""The video packets of a result: those of rendered GOPs where some are, else the source's own.

Copied and rendered GOPs share one stream. Each rendered packet takes the decode time of a packet of
its GOP, in order: without B-frames the i-th of them is never after the i-th presentation time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from fearrefactor.errors import FidelityError
from fearrefactor.media.containers import sample_entry
from fearrefactor.media.decode import shows_nothing
from fearrefactor.media.encode import choose_encoder, configure, open_encoder
from fearrefactor.media.h264 import merged_header, with_lengths, with_parameter_sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fearrefactor.core.gops import Gops
    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import VideoInfo
    from fearrefactor.media.encode import Encoder
    from fearrefactor.media.packets import EncodedPacket


class Splice:
    """What becomes of each video packet of a source, in the order in which they stand in it.

    ``wanted``: ``(n_gops,)`` bool, the GOPs that were rendered; ``codec`` is that of the result.
    """

    def __init__(
        self, info: VideoInfo, gops: Gops, wanted: NDArray[np.bool_], settings: RenderSettings
    ) -> None:
        self.info = info
        self._is_rendered = np.repeat(wanted, gops.n_packets).tolist()
        self._n_passed = 0
        self._is_whole = bool(wanted.all())
        self._encoder = choose_encoder(info, settings) if wanted.any() else None
        self.is_copy = self._encoder is None
        self.codec = self._encoder.codec if self._encoder is not None else info.codec
        self._header = b""  # of the rendered packets, with start codes
        self._source_header = b""
        self._ended_rendered = False

    def add_stream(self, output: OutputContainer, source: VideoStream) -> Stream:
        """The result's video stream, like the source's in all but what had to change."""
        info, encoder = self.info, self._encoder
        # One made after the source's would go on saying that it is Dolby Vision, or has two views.
        is_other = self.codec != info.codec or info.dolby_vision or info.layered
        if encoder is not None and is_other:
            return _new_stream(output, info, encoder)
        stream: VideoStream = output.add_stream_from_template(source, opaque=True)
        entry = sample_entry(output.format.name, self.codec, source.codec_context.codec_tag)
        if entry is not None:
            stream.codec_context.codec_tag = entry
        stream.codec_context.sample_aspect_ratio = info.sample_aspect_ratio  # the container's
        if output.format.name in {"matroska", "webm"}:  # how long a frame lasts follows from it
            stream.codec_context.framerate = source.average_rate or info.rate
        if encoder is None:
            return stream
        self._header = open_encoder(info, encoder).extradata or b""
        self._source_header = source.codec_context.extradata or b""
        if self._is_whole:
            stream.codec_context.extradata = self._header or None
        else:
            stream.codec_context.extradata = merged_header(self._source_header, self._header)
        return stream

    def passed(
        self, packet: Packet[Stream], rendered: Iterator[EncodedPacket]
    ) -> Packet[Stream] | None:
        """What goes into the result where a packet of the source stood; None if nothing does.

        Raises:
            FidelityError: nothing is left of ``rendered``, or the source has grown.
        """
        if self._n_passed == len(self._is_rendered):
            raise FidelityError(f"expected {self._n_passed} video packets, the source has more")
        is_rendered = self._is_rendered[self._n_passed]
        self._n_passed += 1
        if not is_rendered:
            return self._copied(packet)
        self._ended_rendered = True
        if packet.is_discard or shows_nothing(packet, self.info.codec):
            return None
        encoded = next(rendered, None)
        if encoded is None:
            raise FidelityError("fewer packets were rendered than their GOPs have frames")
        return self._spliced(encoded, packet)

    def _copied(self, packet: Packet[Stream]) -> Packet[Stream]:
        starts_after_rendered, self._ended_rendered = self._ended_rendered, False
        if not starts_after_rendered or not self._in_band:
            return packet
        # The parameter sets that it relies on may have stood in a GOP that is gone.
        return _like(packet, with_parameter_sets(bytes(packet), self._source_header))

    def _spliced(self, encoded: EncodedPacket, packet: Packet[Stream]) -> Packet[Stream]:
        data = encoded.data
        if not self._is_whole and self.info.h264 is not None:
            if not self._in_band:
                data = with_lengths(data, self.info.h264.nal_length_bytes)
            elif encoded.is_keyframe:
                data = with_parameter_sets(data, self._header)
        out: Packet[Stream] = av.Packet(data)
        out.time_base = self.info.time_base
        out.pts = encoded.pts
        # Matroska knows no decode times: where the source has none, the muxer makes them.
        out.dts = None if packet.dts is None else min(encoded.pts, packet.dts)
        out.duration = encoded.duration
        out.is_keyframe = encoded.is_keyframe
        return out

    @property
    def _in_band(self) -> bool:
        """Whether parameter sets stand in the packets, as in a transport stream."""
        return self.info.h264 is not None and not self.info.h264.nal_length_bytes


def _new_stream(output: OutputContainer, info: VideoInfo, encoder: Encoder) -> Stream:
    """A stream of another codec than the source's."""
    stream: VideoStream = output.add_stream(  # type: ignore[assignment]
        encoder.name, rate=info.rate, options=dict(encoder.options)
    )
    configure(stream.codec_context, info)
    stream.time_base = info.time_base
    if info.display_matrix is not None:
        stream.set_display_matrix(info.display_matrix)
    elif info.rotation_deg:
        stream.set_display_rotation(-info.rotation_deg)
    return stream


def _like(packet: Packet[Stream], data: bytes) -> Packet[Stream]:
    """A packet of the same times with other bytes."""
    out: Packet[Stream] = av.Packet(data)
    out.time_base, out.pts, out.dts = packet.time_base, packet.pts, packet.dts
    out.duration, out.is_keyframe = packet.duration, packet.is_keyframe
    return out

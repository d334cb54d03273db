"""One guarded pass over a source's packets: what it is, where it can be cut.

A segment is a run of whole closed GOPs. A GOP is closed when every packet before its key frame is
shown before it and every packet after it is shown after it, and when, for H.264 and HEVC, the key
frame is a true IDR: only then does decoding need nothing that lies before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.gops import Gops
from fearrefactor.core.video import VideoIndex, VideoInfo, cut
from fearrefactor.errors import LimitError, MediaError, UnsupportedError
from fearrefactor.media.boxes import sample_entries
from fearrefactor.media.decode import decoded, first_frame, packet_time, shows_nothing
from fearrefactor.media.h264 import ParameterSets
from fearrefactor.media.nal import is_clean_cut
from fearrefactor.media.refused import (
    refuse_entries,
    refuse_packet,
    says_dolby_vision,
    stands_alone,
)
from fearrefactor.media.side_data import (
    content_light,
    display_matrix,
    has_dolby_vision,
    left_behind,
    mastering_display,
    quantiser,
    top_field_first,
)
from fearrefactor.media.source import IMAGE_FORMATS, Source, head_of, open_source, size_of
from fearrefactor.media.streams import codec_name, describe, main_video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fearrefactor.core.settings import CutSettings, Limits
    from fearrefactor.media.boxes import SampleEntry


@dataclass
class _Packets:
    """Columns of the packet table, in decode order."""

    pts: list[int] = field(default_factory=list)
    end_pts: int = 0
    shown: list[bool] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)
    n_bytes: list[int] = field(default_factory=list)
    sets: ParameterSets | None = None
    n_corrupt: int = 0
    end_s: float = 0.0


def index_source(source: Source, limits: Limits, cutting: CutSettings) -> VideoIndex:
    """Properties, frame times and segments of a source.

    Raises:
        MediaError: ``empty_file``, ``not_a_video``, ``no_video_stream``, ``truncated``,
            ``decode_error``; LimitError, UnsupportedError.
    """
    size_bytes, head = size_of(source), head_of(source)
    container, format_name = open_source(source)
    with container:
        stream = main_video(container)
        _check_limits(container, stream, limits)
        is_image = format_name in IMAGE_FORMATS
        packets = _read_packets(container, stream, limits, only_first=is_image)
        # What an edit list skips as a whole is in an MP4's header but not among what can be read.
        n_promised = len(stream.index_entries) if format_name == "mov" else int(stream.frames)
        _check_complete(container, packets, n_promised)
    entries = sample_entries(source, size_bytes) if format_name == "mov" else []
    refuse_entries(entries)
    container, _ = open_source(source)
    with container:
        info = _describe(container, format_name, packets, size_bytes, head)
    info = _with_dolby_vision(info, entries)
    info = info.model_copy(update={"whole_because": _whole_because(info, packets.sets)})
    pts = np.array(packets.pts, np.int64)
    shown = np.array(packets.shown, bool)
    frame_pts = np.sort(pts[shown])
    if np.any(np.diff(frame_pts) <= 0):
        raise UnsupportedError("timestamps: two frames share one presentation time")
    gops = _gops(packets, pts, shown)
    return VideoIndex(
        info=info,
        segments=cut(gops, cutting.min_segment_frames),
        pts=frame_pts,
        gops=gops,
    )


def _read_packets(
    container: InputContainer, stream: VideoStream, limits: Limits, *, only_first: bool
) -> _Packets:
    table = _Packets()
    codec = codec_name(stream)
    extradata = stream.codec_context.extradata or b""
    if codec == "h264":
        table.sets = ParameterSets.of_header(extradata)
    for packet in decoded(container.demux()):
        if not packet.size:
            continue
        refuse_packet(packet)
        # In a transport stream the mark only says that a counter jumped; the decoder tells more.
        table.n_corrupt += packet.is_corrupt and container.format.name != "mpegts"
        time = packet_time(packet)
        if time is not None and packet.time_base and packet.stream.type in {"video", "audio"}:
            end = float((time + (packet.duration or 0)) * packet.time_base)
            table.end_s = max(table.end_s, end)
        if packet.stream_index == stream.index:
            _add(table, packet, time, codec, extradata)
            if only_first:  # telephones hide more pictures behind the first one of a JPEG
                break
        if len(table.pts) > limits.max_frames:
            raise LimitError(f"more than {limits.max_frames} frames (limit max_frames)")
    if not table.pts:
        raise MediaError("the video stream has no packets", code="truncated")
    return table


def _add(
    table: _Packets, packet: Packet[Stream], time: int | None, codec: str, extradata: bytes
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


def _check_limits(container: InputContainer, stream: VideoStream, limits: Limits) -> None:
    pixels = stream.width * stream.height
    if pixels > limits.max_pixels:
        raise LimitError(
            f"{stream.width} × {stream.height} pixels are more than {limits.max_pixels} "
            "(limit max_pixels)"
        )
    if len(container.streams) > limits.max_streams:
        raise LimitError(f"{len(container.streams)} streams (limit max_streams)")
    duration_s = (container.duration or 0) / 1_000_000
    if duration_s > limits.max_duration_s:
        raise LimitError(f"{duration_s:.0f} s are too long (limit max_duration_s)")


def _check_complete(container: InputContainer, packets: _Packets, n_promised: int) -> None:
    """Truncation is silent in most containers: compare what was claimed with what came."""
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


def _describe(
    container: InputContainer, format_name: str, packets: _Packets, size_bytes: int, head: bytes
) -> VideoInfo:
    stream = main_video(container)
    context = stream.codec_context
    codec = codec_name(stream)
    if codec == "h264":
        context.options = {"export_side_data": "venc_params"}
    frame = first_frame(container, stream)
    time_base = Fraction(stream.time_base or 0) or Fraction(1, 1000)
    matrix = display_matrix(frame)
    rotation = _rotation(matrix) if matrix else int(-frame.rotation) % 360
    span = (packets.end_pts - min(packets.pts)) * time_base
    rate = Fraction(stream.guessed_rate or stream.average_rate or 0)
    streams = describe(container, stream)
    tags = stream.metadata
    return VideoInfo(
        container=format_name,
        brand=_brand(container, head),
        is_image=format_name in IMAGE_FORMATS,
        codec=codec,
        stream_index=stream.index,
        width_px=frame.width,
        height_px=frame.height,
        pix_fmt=frame.format.name,
        rotation_deg=rotation if rotation % 90 == 0 else 0,
        display_matrix=matrix,
        sample_aspect_ratio=Fraction(stream.sample_aspect_ratio or 0) or Fraction(1),
        time_base=time_base,
        rate=rate if rate > 0 else Fraction(25),
        duration_s=float(span),
        interlaced=frame.interlaced_frame,
        color_range=context.color_range,
        color_primaries=context.color_primaries,
        color_trc=context.color_trc,
        colorspace=context.colorspace,
        bit_rate=int(size_bytes * 8 / max(float(span), 0.001)),
        n_frames_from_header=int(stream.frames),
        size_bytes=size_bytes,
        streams=streams,
        n_chapters=len(container.chapters()),
        alpha="1" in (tags.get("alpha_mode"), tags.get("ALPHA_MODE")),  # remuxers shout
        n_hidden_frames=len(packets.shown) - sum(packets.shown),
        h264=packets.sets.described() if packets.sets is not None else None,
        top_field_first=top_field_first(frame),
        mastering_display=mastering_display(frame),
        content_light=content_light(frame),
        quantiser=quantiser(frame) if codec == "h264" else None,
        dolby_vision=has_dolby_vision(frame),
        left_behind=() if format_name in IMAGE_FORMATS else left_behind(frame, codec),
    )


def _brand(container: InputContainer, head: bytes) -> str:
    """How a file calls itself among its family of formats."""
    if container.format.name.startswith("matroska"):
        at = head.find(b"\x42\x82")  # its DocType (RFC 8794, 11.2.6), behind a length
        return "webm" if b"webm" in head[at : at + 16] else "matroska"
    return container.metadata.get("major_brand", "").strip()


def _with_dolby_vision(info: VideoInfo, entries: Sequence[SampleEntry]) -> VideoInfo:
    """What a record says of it; where there is none, only a picture with known colours is whole."""
    if says_dolby_vision(entries):
        told = {"dolby_vision": True, "needs_dolby_vision": not stands_alone(entries)}
    else:
        unknown = bool({info.color_trc, info.colorspace} & _UNSPECIFIED)
        told = {"needs_dolby_vision": info.dolby_vision and unknown}
    return info.model_copy(update=told)


#: Values of a colour property that say nothing.
_UNSPECIFIED = frozenset({0, 2})


def _rotation(matrix: tuple[int, ...]) -> int:
    """Degrees clockwise by which the picture is to be turned to stand upright.

    A mirrored picture is turned as if it were not: a model knows a mirrored person, and does not
    know one who stands on the head. As av_display_rotation_get in FFmpeg's display.c.
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if a * d - b * c < 0:
        a = -a
    return round(math.degrees(math.atan2(b, a))) % 360


def _gops(packets: _Packets, pts: NDArray[np.int64], shown: NDArray[np.bool_]) -> Gops:
    """The closed GOPs; what lies before the first of them belongs to it."""
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(pts)[:-1]])
    after = np.minimum.accumulate(pts[::-1])[::-1]
    closed = np.array(packets.cut, bool) & (before < pts) & (after >= pts)
    closed[0] = True
    starts = np.append(np.flatnonzero(closed), len(pts))
    last_end = max(packets.end_pts, int(pts[-1]) + 1)
    return Gops(
        first_frame=np.concatenate([[0], np.cumsum(shown, dtype=np.int64)])[starts],
        first_packet=starts,
        start_pts=np.append(pts, last_end)[starts],
        first_byte=np.concatenate([[0], np.cumsum(packets.n_bytes, dtype=np.int64)])[starts],
    )


def _whole_because(info: VideoInfo, sets: ParameterSets | None) -> str:
    """Why GOPs of this source cannot be copied beside rendered ones; empty if they can."""
    reasons = {
        f"{info.codec} is not spliced": info.codec != "h264",
        f"the container {info.container} is not spliced": info.container not in _SPLICED,
        "interlaced": info.interlaced,
        # Decoders learn from the name of the encoder, in the first packet, how to read it.
        "4:4:4 of two encoders cannot be told apart": info.pix_fmt.startswith(("yuv444", "gbr")),
        "its parameter sets change on the way": sets is not None and sets.changed,
        "it holds more than one view or layer": sets is not None and sets.foreign,
        "its profile is not one that is rendered": info.h264 is None,
    }
    return next((reason for reason, true in reasons.items() if true), "")


#: Containers whose packets can be copied into the like with rendered ones between them.
_SPLICED = {"mov", "matroska", "mpegts"}

"""One guarded pass over a source's packets: what it is, where it can be cut.

A segment is a run of whole closed GOPs. A GOP is closed when every packet before its key frame is
shown before it and every packet after it is shown after it, and when, for H.264 and HEVC, the key
frame is a true IDR: only then does decoding need nothing that lies before.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.core.gops import Gops
from fearrefactor.core.video import VideoIndex, VideoInfo, cut
from fearrefactor.errors import UnsupportedError
from fearrefactor.media.boxes import sample_entries
from fearrefactor.media.decode import first_frame
from fearrefactor.media.limited import check_header, check_opened, check_pixels
from fearrefactor.media.packet_table import check_complete, read_packets
from fearrefactor.media.refused import refuse_entries, says_dolby_vision, stands_alone
from fearrefactor.media.side_data import (
    content_light,
    display_matrix,
    has_dolby_vision,
    left_behind,
    mastering_display,
    quantiser,
    top_field_first,
)
from fearrefactor.media.source import (
    IMAGE_FORMATS,
    Source,
    decoder_options,
    head_of,
    open_source,
    size_of,
)
from fearrefactor.media.streams import codec_name, describe, main_video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from numpy.typing import NDArray

    from fearrefactor.core.settings import CutSettings, Limits
    from fearrefactor.media.boxes import SampleEntry
    from fearrefactor.media.h264 import ParameterSets
    from fearrefactor.media.packet_table import PacketTable


def index_source(source: Source, limits: Limits, cutting: CutSettings) -> VideoIndex:
    """Properties, frame times and segments of a source.

    Raises:
        MediaError: ``empty_file``, ``not_a_video``, ``no_video_stream``, ``truncated``,
            ``decode_error``; LimitError, UnsupportedError.
    """
    size_bytes, head = size_of(source), head_of(source)
    check_header(source, head, size_bytes, limits)
    container, format_name = open_source(source, limits.max_pixels)
    with container:
        check_opened(container, limits)
        stream = main_video(container)
        is_image = format_name in IMAGE_FORMATS
        packets = read_packets(container, stream, limits, only_first=is_image)
        # What an edit list skips as a whole is in an MP4's header but not among what can be read.
        n_promised = len(stream.index_entries) if format_name == "mov" else int(stream.frames)
        check_complete(container, packets, n_promised)
    entries = sample_entries(source, size_bytes) if format_name == "mov" else []
    refuse_entries(entries)
    container, _ = open_source(source, limits.max_pixels)
    with container:
        main_video(container).codec_context.options = decoder_options(limits.max_pixels)
        info = _describe(container, format_name, packets, size_bytes, head)
    check_pixels(info.width_px, info.height_px, limits)
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


def _describe(
    container: InputContainer, format_name: str, packets: PacketTable, size_bytes: int, head: bytes
) -> VideoInfo:
    stream = main_video(container)
    context = stream.codec_context
    codec = codec_name(stream)
    if codec == "h264":
        context.options |= {"export_side_data": "venc_params"}
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
        layered=packets.layered,
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


def _gops(packets: PacketTable, pts: NDArray[np.int64], shown: NDArray[np.bool_]) -> Gops:
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

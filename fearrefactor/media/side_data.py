"""What lies beside the samples of a frame: orientation, HDR metadata, Dolby Vision."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
from av.filter import Graph
from av.sidedata.encparams import VideoEncParams

from fearrefactor.core.hdr import ContentLight, MasteringDisplay

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData, SideDataContainer
    from av.video.frame import VideoFrame

#: Codecs whose encoders write closed captions again.
_CAPTIONED = frozenset({"h264", "hevc", "mpeg2video"})
_N_MASTERING = 22  # ten fractions of two numbers, and two flags


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers by which a player turns the picture, row by row; None if there are none."""
    raw = _of(frame, "DISPLAYMATRIX")
    return tuple(np.frombuffer(raw, np.int32).tolist()) if raw is not None else None


def mastering_display(frame: VideoFrame) -> MasteringDisplay | None:
    """As in FFmpeg's AVMasteringDisplayMetadata; None where a part of it is not told."""
    raw = _of(frame, "MASTERING_DISPLAY_METADATA")
    if raw is None:
        return None
    numbers = np.frombuffer(raw, np.int32)[:_N_MASTERING].tolist()
    *terms, has_primaries, has_luminance = numbers
    denominators = terms[1::2]
    if not has_primaries or not has_luminance or not all(denominators):
        return None
    n = [Fraction(a, b) for a, b in zip(terms[::2], denominators, strict=True)]
    return MasteringDisplay(
        red=(n[0], n[1]),
        green=(n[2], n[3]),
        blue=(n[4], n[5]),
        white=(n[6], n[7]),
        min_luminance=n[8],
        max_luminance=n[9],
    )


def content_light(frame: VideoFrame) -> ContentLight | None:
    """As in FFmpeg's AVContentLightMetadata."""
    raw = _of(frame, "CONTENT_LIGHT_LEVEL")
    if raw is None:
        return None
    pixel, average = np.frombuffer(raw, np.uint32)[:2].tolist()
    return ContentLight(max_pixel=pixel, max_average=average)


def quantiser(frame: VideoFrame) -> float | None:
    """Of an H.264 frame, the mean over its macroblocks, as of 8 bits; the larger, the coarser.

    Only where the decoder was told to export it (``export_side_data``). As in FFmpeg's
    AVVideoEncParams.
    """
    try:
        params = cast("SideDataContainer", frame.side_data)["VIDEO_ENC_PARAMS"]
    except (KeyError, ValueError):
        return None
    if not isinstance(params, VideoEncParams) or not params.nb_blocks:
        return None
    blocks = np.frombuffer(bytes(cast("SideData", params)), np.uint8)[params.blocks_offset :]
    table = blocks[: params.nb_blocks * params.block_size].reshape(-1, params.block_size)
    differences = np.ascontiguousarray(table[:, 16:20]).view(np.int32)  # after its place and size
    deeper = frame.format.components[0].bits - 8  # each bit more is a doubling, and 6 steps are
    return float(params.qp + differences.mean()) - 6 * deeper


def has_dolby_vision(frame: VideoFrame) -> bool:
    """Whether the frame carries Dolby Vision's own description of its picture."""
    return _of(frame, "DOVI_RPU_BUFFER") is not None or _of(frame, "DOVI_METADATA") is not None


def left_behind(frame: VideoFrame, codec: str) -> tuple[str, ...]:
    """What no encoder here writes again, by its name."""
    names = {
        "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
        "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
        "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
        "AFD": "active format description",
        "ICC_PROFILE": "colour profile",
    }
    if codec not in _CAPTIONED:
        names["A53_CC"] = "closed captions"
    return tuple(name for kind, name in names.items() if _of(frame, kind) is not None)


def top_field_first(frame: VideoFrame) -> bool:
    """Of an interlaced frame; PyAV does not tell, but one of FFmpeg's filters knows."""
    if not frame.interlaced_frame:
        return False
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1),
    )
    chosen = graph.add("select", "eq(interlace_type,TOPFIRST)")
    graph.link_nodes(source, chosen, graph.add("buffersink")).configure()
    graph.push(frame)
    try:
        graph.pull()
    except BlockingIOError:  # FFmpeg's "try again": the frame was not chosen
        return False
    return True


def _of(frame: VideoFrame, kind: str) -> bytes | None:
    try:
        return bytes(cast("SideDataContainer", frame.side_data)[kind])
    except (KeyError, ValueError):  # none; or PyAV 18 met side data that it does not know, as EXIF
        return None

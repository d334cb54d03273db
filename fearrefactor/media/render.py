"""A segment and its part of the plan to encoded packets.

Frame receipts: the encoder takes a frame only together with its entry of the plan, even when that
entry is empty. Frames decoded, receipts and packets encoded must be equal in number, or the video
fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av.error
import numpy as np
from av.video.frame import PictureType, VideoFrame

from fearrefactor.core.gops import runs
from fearrefactor.errors import FidelityError, MediaError, UnsupportedError
from fearrefactor.media.composite import composite
from fearrefactor.media.decode import segment_frames
from fearrefactor.media.encode import choose_encoder, open_encoder, without_signature
from fearrefactor.media.packets import EncodedPacket
from fearrefactor.media.planes import to_planar, working_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray

    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import SegmentTask, VideoInfo
    from fearrefactor.media.source import Source


def render_segment(
    source: Source,
    task: SegmentTask,
    regions: Mapping[int, Sequence[Region]],
    wanted: NDArray[np.bool_],
    settings: RenderSettings,
) -> Iterator[EncodedPacket]:
    """Decode, mask and encode the GOPs ``wanted`` ``(n_gops,)`` of one segment.

    ``regions`` are by frame index of the video. Each run of GOPs has an encoder of its own, and
    each GOP begins with a key frame as it did in the source.

    Raises:
        MediaError, UnsupportedError: the segment cannot be decoded or encoded as it was.
        FidelityError: not every frame came out, or not at its own time; or there is something to
            mask in a GOP that is to be copied.
    """
    if np.any(task.gops.dirty(regions) & ~wanted):
        raise FidelityError(f"a GOP of segment {task.segment.index} is to be masked and copied")
    for first, end in runs(wanted):
        run = task.part(first, end)
        if run.segment.n_frames:
            yield from _render_run(source, run, regions, settings)


def _render_run(
    source: Source,
    task: SegmentTask,
    regions: Mapping[int, Sequence[Region]],
    settings: RenderSettings,
) -> Iterator[EncodedPacket]:
    """All GOPs of a task through one encoder."""
    segment = task.segment
    written = as_written(task.info)
    seconds = float((segment.end_pts - segment.start_pts) * task.info.time_base)
    bit_rate = int(8 * task.gops.n_bytes.sum() / max(seconds, 0.001))
    encoder = open_encoder(written, choose_encoder(written, settings, bit_rate))
    starts = set(task.gops.first_frame.tolist())
    durations = _durations(task)
    receipts = []
    n_packets = 0
    for index, frame in segment_frames(source, task):
        receipts.append((index, len(regions.get(index, ()))))
        masked = mask_frame(frame, regions.get(index, ()), task.info)
        masked.pict_type = PictureType.I if index in starts else PictureType.NONE
        for packet in _encode(encoder, masked):
            yield _checked(packet, task.pts, n_packets, durations)
            n_packets += 1
    for packet in _encode(encoder, None):
        yield _checked(packet, task.pts, n_packets, durations)
        n_packets += 1
    planned = [(i, len(regions.get(i, ()))) for i in range(segment.first_frame, segment.end_frame)]
    if receipts != planned or n_packets != segment.n_frames:
        raise FidelityError(
            f"segment {segment.index} has {segment.n_frames} frames; {len(receipts)} receipts, "
            f"{n_packets} packets were encoded"
        )


def mask_frame(frame: VideoFrame, regions: Sequence[Region], info: VideoInfo) -> VideoFrame:
    """A frame ready for the encoder: masked where the plan says so, otherwise untouched.

    An image is also turned upright, because its orientation lies in metadata that is removed.

    Raises:
        UnsupportedError: there is something to mask and the pixel format cannot be worked on.
    """
    if frame.interlaced_frame and not info.interlaced:
        raise UnsupportedError(
            f"interlaced from the frame at pts {frame.pts} on: the video begins progressive"
        )
    out = frame
    if regions:
        if working_format(info.pix_fmt) is None:
            raise UnsupportedError(f"pixel format {info.pix_fmt}: its planes cannot be masked")
        out = to_planar(frame)
        out.make_writable()  # the decoder still refers to this buffer for later frames
        composite(out, regions, info.rotation_deg)
    if info.is_image and info.rotation_deg:
        rgb = out.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        turned = np.ascontiguousarray(np.rot90(rgb, k=-info.rotation_deg // 90))
        out = VideoFrame.from_ndarray(turned, format="rgb24")
    wanted = as_written(info).pix_fmt
    if out.format.name != wanted:
        # More than one thread leaves some conversions of 10 bit unfinished (FFmpeg 8.1).
        out = out.reformat(format=wanted, dst_color_range=info.color_range, threads=1)
    if info.is_image:
        out = _bare(out, info)
    out.pts, out.time_base = frame.pts, info.time_base
    return out


def _bare(frame: VideoFrame, info: VideoInfo) -> VideoFrame:
    """The samples of a frame and nothing else: FFmpeg writes its EXIF, places too, into a PNG."""
    bare = VideoFrame(frame.width, frame.height, frame.format.name)
    for old, new in zip(frame.planes, bare.planes, strict=True):
        width = min(old.line_size, new.line_size)
        samples = np.frombuffer(memoryview(old), np.uint8).reshape(-1, old.line_size)
        target = np.frombuffer(memoryview(new), np.uint8).reshape(-1, new.line_size)
        height = min(len(samples), len(target))
        target[:height, :width] = samples[:height, :width]
    bare.color_range, bare.colorspace = info.color_range, info.colorspace
    return bare


def as_written(info: VideoInfo) -> VideoInfo:
    """What the encoder is given: a video as it was; an image upright, as its encoder takes it."""
    if not info.is_image:
        return info
    return info.model_copy(
        update={
            "width_px": info.upright_width_px,
            "height_px": info.upright_height_px,
            "rotation_deg": 0,
            "display_matrix": None,
            "pix_fmt": {"pal8": "rgba", "argb": "bgra"}.get(info.pix_fmt, info.pix_fmt),
        }
    )


def _encode(
    encoder: VideoCodecContext, frame: VideoFrame | None
) -> Iterator[tuple[int | None, bool, bytes]]:
    try:
        if frame is not None:
            frame.time_base = encoder.time_base  # the times pass through, whatever clock it has
        for packet in encoder.encode(frame):
            yield packet.pts, packet.is_keyframe, without_signature(encoder, bytes(packet))
    except av.error.FFmpegError as error:
        raise MediaError(f"{encoder.name} cannot encode a frame: {error}") from error


def _checked(
    encoded: tuple[int | None, bool, bytes], pts: NDArray[np.int64], n: int, durations: list[int]
) -> EncodedPacket:
    packet_pts, is_keyframe, data = encoded
    if n >= len(pts) or packet_pts != int(pts[n]):
        expected = int(pts[n]) if n < len(pts) else None
        raise FidelityError(f"expected packet {n} at pts {expected}, the encoder gave {packet_pts}")
    return EncodedPacket(int(pts[n]), durations[n], is_keyframe, data)


def _durations(task: SegmentTask) -> list[int]:
    """From each frame to the next; the last one of a segment lasts until the segment's end."""
    if not len(task.pts):
        return []
    last = task.segment.end_pts - int(task.pts[-1])
    nominal = max(1, round(1 / (task.info.rate * task.info.time_base)))
    return [*np.diff(task.pts).tolist(), last if last > 0 else nominal]

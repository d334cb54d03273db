"""From packets to frames: one segment at a time, every frame accounted for."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import av.error
import numpy as np
from av.codec.context import ThreadType
from av.video.reformatter import VideoReformatter

from fearrefactor.core.letterbox import PAD_VALUE, Letterbox
from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.source import Source, decoder_options, open_source
from fearrefactor.media.streams import main_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fearrefactor.core.video import Segment, SegmentTask, VideoInfo

#: A picture that grows on the way is refused when it is seen; one that grows far more than this is
#: not even decoded.
_GROWTH = 2
_T = TypeVar("_T")


def decoded(steps: Iterable[_T]) -> Iterator[_T]:
    """The same items, with FFmpeg's errors turned into ``decode_error``."""
    try:
        yield from steps
    except av.error.FFmpegError as error:
        raise MediaError(f"cannot be decoded: {error}") from error


def packet_time(packet: Packet[Any]) -> int | None:
    """Presentation time; AVI gives only decode times, which are the same where it is allowed."""
    return packet.pts if packet.pts is not None else packet.dts


def shows_nothing(packet: Packet[Any], codec: str) -> bool:
    """Whether a packet only prepares others: VP8's hidden frames (RFC 6386, section 9.1)."""
    return codec == "vp8" and not bytes(memoryview(packet)[:1])[0] & 0x10


def first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    """The first frame that a decoder shows.

    Raises:
        MediaError: there is none.
    """
    for frame in decoded(_decode(container.demux(stream))):
        return frame
    raise MediaError("no frame can be decoded")


def segment_frames(
    source: Source, task: SegmentTask, *, strict: bool = False
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames of a segment in presentation order, as (frame index of the video, frame).

    A decoder hides small damage from the eye. In a source that is how it is seen and shown;
    ``strict`` makes an error of it, for files of our own making.

    Raises:
        MediaError: a frame is missing, damaged, or not where the index saw it.
        UnsupportedError: the picture changes its size or format on the way.
    """
    segment = task.segment
    container, _ = open_source(source)
    with container:
        stream = main_video(container)
        # Segments are the unit of work that runs side by side: one thread for each decoder.
        stream.codec_context.thread_type = ThreadType.NONE
        stream.codec_context.thread_count = 1
        options = decoder_options(_GROWTH * task.info.width_px * task.info.height_px)
        if strict:
            options["err_detect"] = "explode"
        stream.codec_context.options = options
        frames = decoded(_decode(_packets(container, stream, segment)))
        yield from accounted(frames, task, task.info.pix_fmt)


def accounted(
    frames: Iterable[VideoFrame], task: SegmentTask, pix_fmt: str
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames that a decoder gave for a segment, each held against what the index saw.

    Raises:
        MediaError: a frame is missing, one too many, or not where the index saw it.
        UnsupportedError: one is of another size, or of another format than ``pix_fmt``.
    """
    segment = task.segment
    expected = iter(enumerate(task.pts.tolist(), segment.first_frame))
    n = 0
    for frame in frames:
        index, time = next(expected, (None, None))
        if task.info.container == "avi":  # it times packets, not frames
            frame.pts = time
        if index is None or frame.pts != time:
            raise MediaError(
                f"expected frame {index} at pts {time}, the decoder gave one at {frame.pts} "
                f"in segment {segment.index}"
            )
        _check_frame(frame, task.info, index, pix_fmt)
        n += 1
        yield index, frame
    if n != segment.n_frames:
        raise MediaError(
            f"expected {segment.n_frames} frames in segment {segment.index}, the decoder gave {n}"
        )


def shrink(frame: VideoFrame, box: Letterbox, rotation_deg: int, out: NDArray[np.uint8]) -> None:
    """Write a frame, upright and letterboxed, into ``out``.

    ``out``: ``(box.input_height, box.input_width, 3)`` uint8 RGB. The decoder's planes are scaled
    and converted in one step, with the frame's own matrix and range.
    """
    turned = rotation_deg in {90, 270}
    width, height = (box.height, box.width) if turned else (box.width, box.height)
    small = _scaler.reformatter.reformat(
        frame, width=width, height=height, format="rgb24", interpolation="BILINEAR", threads=1
    )
    plane = small.planes[0]
    pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)[
        :, : width * 3
    ]
    upright = np.rot90(pixels.reshape(height, width, 3), k=-rotation_deg // 90)
    if (box.width, box.height) != (box.input_width, box.input_height):
        out.fill(PAD_VALUE)
    out[box.top : box.top + box.height, box.left : box.left + box.width] = upright


class _Scaler(threading.local):
    """One for each thread: it keeps its filters from frame to frame of one size and format.

    A frame's own would be made anew for each, which is a seventh of what scaling takes.
    """

    def __init__(self) -> None:
        self.reformatter = VideoReformatter()


_scaler: Final = _Scaler()


def checksum(frame: VideoFrame) -> int:
    """CRC-32 of the samples of a frame's first plane, without what pads its lines."""
    plane = frame.planes[0]
    components = frame.format.components
    if all(component.plane == 0 for component in components):
        n_bits = frame.format.padded_bits_per_pixel
    else:
        n_bits = -(-next(c.bits for c in components if c.plane == 0) // 8) * 8
    n_bytes = -(-frame.width * n_bits // 8)
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(lines[: frame.height, :n_bytes]).data)


def _packets(
    container: InputContainer, stream: VideoStream, segment: Segment
) -> Iterator[Packet[VideoStream]]:
    """What a decoder needs for a segment; the last packet flushes it."""
    if segment.first_gop:
        _prime(container, stream)
    yield from packets_of(container, stream, segment)
    flush: Packet[Any] = av.Packet()
    flush.stream = stream
    yield flush


def packets_of(
    container: InputContainer, stream: VideoStream, segment: Segment
) -> Iterator[Packet[VideoStream]]:
    """The segment's video packets in decode order."""
    if segment.first_gop and not _seek(container, stream, segment):
        container.seek(0)
    remaining = 0
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet_time(packet) == segment.start_pts and not remaining:
            remaining = segment.n_packets
        if remaining:
            yield packet
            remaining -= 1
            if not remaining:
                break


def _prime(container: InputContainer, stream: VideoStream) -> None:
    """Show the decoder the file's first packet, whatever segment comes next.

    x264 names its version in a message in that packet alone, and FFmpeg's decoder works around the
    bugs of old versions: a 4:4:4 file decoded from its second key frame on is rubbish without it.
    """
    for packet in container.demux(stream):
        if packet.size:
            packet.decode()
            return


def _seek(container: InputContainer, stream: VideoStream, segment: Segment) -> bool:
    """Move to the segment's key frame or before it; False when the container cannot."""
    try:
        container.seek(segment.start_pts, stream=stream, backward=True)
        for packet in container.demux(stream):
            if packet.size:
                time = packet_time(packet)
                if time is None or time > segment.start_pts:
                    return False
                break
        container.seek(segment.start_pts, stream=stream, backward=True)
    except av.error.FFmpegError:
        return False
    return True


def _decode(packets: Iterable[Packet[VideoStream]]) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from undamaged(packet.decode())


def undamaged(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """The same frames.

    Raises:
        MediaError: the decoder says of one that it is damaged.
    """
    for frame in frames:
        if frame.is_corrupt:
            raise MediaError(f"the frame at pts {frame.pts} is damaged")
        yield frame


def _check_frame(frame: VideoFrame, info: VideoInfo, index: int, pix_fmt: str) -> None:
    if (frame.width, frame.height) != (info.width_px, info.height_px):
        raise UnsupportedError(
            f"the picture changes size at frame {index}: from {info.width_px} × {info.height_px} "
            f"to {frame.width} × {frame.height}"
        )
    found = frame.sw_format or frame.format  # a frame on a device says what it holds there
    if found.name != pix_fmt:
        raise UnsupportedError(
            f"the pixel format changes at frame {index}: from {pix_fmt} to {found.name}"
        )

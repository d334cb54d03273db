"""Rendered packets back to frames, as whoever plays the result will see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av
import av.error
from av.codec.context import ThreadType

from fearrefactor.errors import FidelityError, MediaError
from fearrefactor.media.encode import choose_encoder, configure_colors, open_encoder
from fearrefactor.media.packets import unpack_all
from fearrefactor.media.render import as_written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import SegmentTask, VideoInfo

#: By encoder, where the decoder is not called like the source's codec. FFmpeg's own ``av1`` decodes
#: on a GPU only.
_DECODERS: Final = {
    "libx264": "h264",
    "libx264rgb": "h264",
    "libx265": "hevc",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "libsvtav1": "libdav1d",
    "libwebp": "webp",
}


def rendered_frames(
    packets: Path, task: SegmentTask, settings: RenderSettings
) -> Iterator[tuple[int, VideoFrame]]:
    """The rendered frames of a segment in order, as (frame index of the video, frame).

    ``packets``: a file of its packed packets. Images are upright, as they were written.

    Raises:
        FidelityError: they are no frames of the segment, each at its own time, or are damaged, or
            there are not as many as packets.
    """
    info = as_written(task.info)
    decoder = _open_decoder(info, settings)
    number_of = {pts: number for number, pts in enumerate(task.pts.tolist())}
    with packets.open("rb") as file:
        expected = [packet.pts for packet in unpack_all(file)]
    times = iter(expected)
    for frame in _decode(decoder, packets, info):
        time = next(times, None)
        if time not in number_of or frame.pts != time or frame.is_corrupt:
            raise FidelityError(
                f"expected a whole frame of segment {task.segment.index} at pts {time}, "
                f"its rendered packets give one at {frame.pts}"
            )
        yield task.segment.first_frame + number_of[time], frame
    if next(times, None) is not None:
        raise FidelityError(
            f"expected {len(expected)} frames in segment {task.segment.index}, its rendered "
            "packets give fewer"
        )


def _open_decoder(info: VideoInfo, settings: RenderSettings) -> VideoCodecContext:
    """Told what the container will tell a player: the encoder's header, size and colours."""
    encoder = choose_encoder(info, settings)
    name = _DECODERS.get(encoder.name, encoder.name)
    decoder: VideoCodecContext = av.CodecContext.create(name, "r")  # type: ignore[assignment]
    decoder.extradata = open_encoder(info, encoder).extradata
    decoder.width, decoder.height = info.width_px, info.height_px
    configure_colors(decoder, info)
    decoder.thread_count = 1
    decoder.thread_type = ThreadType.NONE
    # A decoder hides small damage from the eye; in a file of our own making it is an error.
    decoder.options = {"err_detect": "explode"}
    return decoder


def _decode(decoder: VideoCodecContext, packets: Path, info: VideoInfo) -> Iterator[VideoFrame]:
    try:
        with packets.open("rb") as file:
            for encoded in unpack_all(file):
                packet = av.Packet(encoded.data)
                packet.pts = packet.dts = encoded.pts
                packet.time_base = info.time_base
                yield from decoder.decode(packet)
        yield from decoder.decode(None)
    except (av.error.FFmpegError, MediaError) as error:
        raise FidelityError(f"what was rendered cannot be decoded: {error}") from error

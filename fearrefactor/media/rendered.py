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
    from collections.abc import Collection, Iterator, Mapping
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
    packets: Path,
    task: SegmentTask,
    settings: RenderSettings,
    wanted: Collection[int] | None = None,
) -> Iterator[tuple[int, VideoFrame]]:
    """The rendered frames of a segment in order, as (frame index of the video, frame).

    ``packets``: a file of its packed packets. Images are upright, as they were written. Of
    ``wanted`` frames, all by default, each is given; of each GOP no more is decoded than leads to
    the last of them.

    Raises:
        FidelityError: they are no frames of the segment, each at its own time, or are damaged, or
            there are not as many as packets.
    """
    info = as_written(task.info)
    decoder = _open_decoder(info, settings)
    first = task.segment.first_frame
    number_of = {pts: number for number, pts in enumerate(task.pts.tolist(), first)}
    with packets.open("rb") as file:
        keys = [(packet.pts, packet.is_keyframe) for packet in unpack_all(file)]
    expected = [pts for pts, _ in keys]
    if wanted is not None:
        starts = set(task.pts[task.gops.first_frame[:-1] - first].tolist())
        begun = [(pts, is_key and pts in starts) for pts, is_key in keys]
        expected = _leading_to(wanted, begun, number_of)
    times = iter(expected)
    for frame in _decode(decoder, packets, info, frozenset(expected)):
        time = next(times, None)
        if time not in number_of or frame.pts != time or frame.is_corrupt:
            raise FidelityError(
                f"expected a whole frame of segment {task.segment.index} at pts {time}, "
                f"its rendered packets give one at {frame.pts}"
            )
        if wanted is None or number_of[time] in wanted:
            yield number_of[time], frame
    if next(times, None) is not None:
        raise FidelityError(
            f"expected {len(expected)} frames in segment {task.segment.index}, its rendered "
            "packets give fewer"
        )


def _leading_to(
    wanted: Collection[int], begun: list[tuple[int, bool]], number_of: Mapping[int, int]
) -> list[int]:
    """Times of the packets that must be decoded to see the frames ``wanted``.

    ``begun``: of all packets, the time, and whether a GOP begins there that decodes alone.
    """
    out: list[int] = []
    waiting: list[int] = []
    for pts, begins in begun:
        if begins:
            waiting = []
        waiting.append(pts)
        number = number_of.get(pts)
        if number is None or number in wanted:  # one of no frame is decoded, too, and refused
            out += waiting
            waiting = []
    return out


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


def _decode(
    decoder: VideoCodecContext, packets: Path, info: VideoInfo, times: Collection[int]
) -> Iterator[VideoFrame]:
    """Frames of the packets at ``times``."""
    try:
        with packets.open("rb") as file:
            for encoded in unpack_all(file):
                if encoded.pts not in times:
                    continue
                packet = av.Packet(encoded.data)
                packet.pts = packet.dts = encoded.pts
                packet.time_base = info.time_base
                yield from decoder.decode(packet)
        yield from decoder.decode(None)
    except (av.error.FFmpegError, MediaError) as error:
        raise FidelityError(f"what was rendered cannot be decoded: {error}") from error

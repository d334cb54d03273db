"""Coded segments to frames on a GPU, by the decoder that sits in it (NVDEC), or in software.

Here bytes that strangers uploaded are parsed outside the locked-in child. So nothing is decoded in
this way that its user has not asked for, only what the index saw in the child first, and few kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import av
import av.error
from av.codec.context import ThreadType
from av.codec.hwaccel import HWAccel

from fearrefactor.core.planes import PlanarFrame
from fearrefactor.errors import MediaError, UnsupportedError
from fearrefactor.media.decode import accounted, decoded, undamaged
from fearrefactor.media.source import decoder_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    from fearrefactor.core.planes import Layout
    from fearrefactor.core.video import SegmentTask, VideoInfo
    from fearrefactor.media.coded import CodedPacket, CodedSegment

#: Their decoded samples are laid down by a standard to the bit, so that checksums made from NVDEC's
#: frames hold for other decoders'. (AV1's are not, where film grain is added.)
_CODECS: Final = frozenset({"h264", "hevc", "vp9"})
_CONTAINERS: Final = frozenset({"mov", "matroska"})
#: What a GPU makes of a source's pixel format.
_ON_GPU: Final[dict[str, Layout]] = {
    "yuv420p": "nv12",
    "yuvj420p": "nv12",
    "yuv420p10le": "p010le",
}
_FULL_RANGE: Final = 2  # AVColorRange


class DeviceDecoder:
    """Decodes on ``device``: "cuda", "cuda:1", or "cpu" for the same frames without a GPU.

    Each segment has a decoder of its own, and all that run at a time are sessions side by side. A
    thread that decodes has a CUDA context of the device (see ``Shrinker.enter``).
    """

    def __init__(self, device: str) -> None:
        kind, _, number = device.partition(":")
        self._accelerated: HWAccel | None = None
        if kind != "cpu":
            # torch has made the device's primary context, with flags that FFmpeg refuses: it takes
            # the one that is current in the thread instead, which is the same
            self._accelerated = HWAccel(
                kind,
                device=number or "0",
                allow_software_fallback=False,
                is_hw_owned=True,
                options={"primary_ctx": "0", "current_ctx": "1"},
            )

    def check(self) -> None:
        """Make sure that there is a device to decode on.

        Raises:
            MediaError: there is none.
        """
        self._context("h264")

    @staticmethod
    def takes(info: VideoInfo) -> bool:
        """Whether a video is of the kinds that are decoded here; the child decodes all others."""
        return (
            info.codec in _CODECS
            and info.container in _CONTAINERS
            and info.pix_fmt in _ON_GPU
            and not (info.width_px % 2 or info.height_px % 2)
            and not (info.is_image or info.interlaced or info.layered or info.alpha)
            and not info.n_hidden_frames
        )

    def frames(self, coded: CodedSegment, task: SegmentTask) -> Iterator[PlanarFrame]:
        """The frames of a segment in presentation order. Each is held until it is dropped.

        Raises:
            MediaError: a frame is missing, damaged, or not where the index saw it, or this device
                cannot decode the stream.
        """
        info = task.info
        if coded.codec != info.codec or not self.takes(info):
            raise UnsupportedError(
                f"expected {info.codec} of a kind that a device decodes, got {coded.codec} "
                f"{info.pix_fmt} in {info.container}"
            )
        on_gpu = self._accelerated is not None
        layout = _ON_GPU[info.pix_fmt] if on_gpu else cast("Layout", info.pix_fmt)
        context = self._open(coded, info)
        found = decoded(undamaged(_decode(context, coded.packets, info)))
        for index, frame in accounted(found, task, layout):
            yield _planar(frame, index, info)

    def _context(self, codec: str) -> VideoCodecContext:
        try:
            context = av.CodecContext.create(codec, "r", hwaccel=self._accelerated)
        except av.error.FFmpegError as error:
            raise MediaError(f"no decoder for {codec} on this device: {error}") from error
        if self._accelerated is not None and not context.is_hwaccel:
            raise UnsupportedError(f"FFmpeg decodes {codec} on no such device")
        return cast("VideoCodecContext", context)

    def _open(self, coded: CodedSegment, info: VideoInfo) -> VideoCodecContext:
        context = self._context(coded.codec)
        if coded.header:
            context.extradata = coded.header
        context.thread_type = ThreadType.NONE
        context.thread_count = 1
        context.options = decoder_options(info.width_px * info.height_px)
        return context


def _decode(
    context: VideoCodecContext, packets: Iterable[CodedPacket], info: VideoInfo
) -> Iterator[VideoFrame]:
    for coded in packets:
        packet = av.Packet(coded.data)
        packet.pts, packet.dts = coded.pts, coded.dts
        packet.time_base = info.time_base
        packet.is_keyframe = coded.is_keyframe
        yield from context.decode(packet)
    yield from context.decode(None)


def _planar(frame: VideoFrame, index: int, info: VideoInfo) -> PlanarFrame:
    found = frame.sw_format or frame.format
    layout = "yuv420p" if found.name == "yuvj420p" else cast("Layout", found.name)
    return PlanarFrame(
        frame=index,
        planes=tuple(frame.planes),
        layout=layout,
        width_px=frame.width,
        height_px=frame.height,
        colorspace=int(frame.colorspace),
        full_range=int(frame.color_range) == _FULL_RANGE or info.pix_fmt.startswith("yuvj"),
    )

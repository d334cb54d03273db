"""An encoder that keeps the source's size, pixel format, colours, shape and clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.codec import Codec
from av.codec.context import Flags, ThreadType

from fearrefactor.errors import UnsupportedError
from fearrefactor.media.encoders import KEEPS_FIELDS, candidates
from fearrefactor.media.nal import split_annex_b

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import VideoInfo


@dataclass(frozen=True, slots=True)
class Encoder:
    """Which encoder renders a source: FFmpeg's name for it and its options.

    One thread each, because segments run side by side and the bytes must not depend on the machine.
    """

    name: str
    options: dict[str, str]

    @property
    def codec(self) -> str:
        """The codec that it writes."""
        return _CODECS.get(self.name, self.name)


_CODECS = {
    "libx264": "h264",
    "libx264rgb": "h264",
    "libx265": "hevc",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "libwebp": "webp",
}


#: FFmpeg's AV_FIELD_TT and AV_FIELD_BB.
_TOP_FIRST, _BOTTOM_FIRST = 2, 3
#: What begins the message (x264's encoder/set.c), and a NAL unit.
_X264: Final = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
_START: Final = b"\0\0\0\1"


def choose_encoder(
    info: VideoInfo, settings: RenderSettings, bit_rate: int | None = None
) -> Encoder:
    """The encoder of the source's own codec where there is one, else H.264.

    ``bit_rate``: bits a second of what is rendered, as it was; by default those of the source.

    Raises:
        UnsupportedError: a property of the source that no encoder here keeps.
    """
    if info.alpha:
        raise UnsupportedError("transparency: it would be lost in a rendered video")
    if info.needs_dolby_vision:
        raise UnsupportedError(
            "Dolby Vision: nothing can be shown without its metadata, which describes the picture "
            "without masks"
        )
    *first, last = (
        Encoder(name, options)
        for name, options in candidates(info, settings, bit_rate or info.bit_rate)
    )
    encoder = next((encoder for encoder in first if _takes(encoder, info)), last)
    _check_pixel_format(info, encoder)
    if info.interlaced and encoder.name not in KEEPS_FIELDS:
        raise UnsupportedError(
            f"interlaced video: {encoder.name} cannot encode it without losing its fields"
        )
    return encoder


def _takes(encoder: Encoder, info: VideoInfo) -> bool:
    """Whether an encoder opens for a picture of this size, pixel format and rate."""
    try:
        open_encoder(info, encoder)
    except UnsupportedError:
        return False
    return True


def open_encoder(info: VideoInfo, encoder: Encoder) -> VideoCodecContext:
    """An opened encoder; the same source and settings always give the same extradata."""
    context: VideoCodecContext = av.CodecContext.create(encoder.name, "w")  # type: ignore[assignment]
    configure(context, info)
    if encoder.name == "mpeg2video":
        context.time_base = 1 / info.rate  # of few rates; presentation times pass through it
    context.options = dict(encoder.options)
    try:
        context.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise UnsupportedError(
            f"{encoder.name} cannot encode {info.width_px} × {info.height_px} {info.pix_fmt}: "
            f"{error}"
        ) from error
    return context


def without_signature(encoder: VideoCodecContext, packet: bytes) -> bytes:
    """A packet without the message in which x264 names its version and settings.

    It would tell a decoder of the copied GOPs that follow that x264 has made them. In 4:4:4 it
    stays: some decoders work around the bugs of old versions unless they are told otherwise.
    """
    is_444 = (encoder.pix_fmt or "").startswith(("yuv444", "yuvj444"))
    if encoder.name != "libx264" or is_444 or _X264 not in packet:
        return packet
    return b"".join(_START + nal for nal in split_annex_b(packet) if _X264 not in bytes(nal[:40]))


def configure(context: VideoCodecContext, info: VideoInfo) -> None:
    """Give an encoder everything about the picture that must stay as it was."""
    context.width, context.height = info.width_px, info.height_px
    context.pix_fmt = info.pix_fmt
    context.time_base = info.time_base
    context.framerate = info.rate
    context.sample_aspect_ratio = info.sample_aspect_ratio
    configure_colors(context, info)
    if info.interlaced:
        context.field_order = _TOP_FIRST if info.top_field_first else _BOTTOM_FIRST
    context.thread_count = 1
    context.thread_type = ThreadType.NONE
    context.flags |= Flags.global_header


def configure_colors(context: VideoCodecContext, info: VideoInfo) -> None:
    """Tell an encoder or a decoder what the source's samples mean."""
    context.color_range = info.color_range
    context.color_primaries = info.color_primaries
    context.color_trc = info.color_trc
    context.colorspace = info.colorspace


def _check_pixel_format(info: VideoInfo, encoder: Encoder) -> None:
    formats = {f.name for f in Codec(encoder.name, "w").video_formats or ()}
    if formats and info.pix_fmt not in formats:
        raise UnsupportedError(
            f"pixel format {info.pix_fmt}: {encoder.name} cannot encode it; it takes "
            f"{', '.join(sorted(formats))}"
        )

"""An encoder that keeps the source's size, pixel format, colours, shape and clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.error
from av.codec import Codec
from av.codec.context import Flags, ThreadType

from fearrefactor.errors import UnsupportedError

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import VideoInfo


@dataclass(frozen=True, slots=True)
class Encoder:
    """Which encoder renders a source: FFmpeg's name for it and its options.

    No option may reorder frames: every packet's decode time is its presentation time. One thread
    each, because segments run side by side and the bytes must not depend on the machine.
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


def choose_encoder(
    info: VideoInfo, settings: RenderSettings, bit_rate: int | None = None
) -> Encoder:
    """The encoder of the source's own codec where there is one, else H.264.

    ``bit_rate``: bits a second of what is rendered, as it was; by default those of the source.

    Raises:
        UnsupportedError: a property of the source that no encoder here keeps.
    """
    if info.interlaced:
        raise UnsupportedError("interlaced video: it cannot be rendered without losing its fields")
    if info.alpha:
        raise UnsupportedError("transparency: it would be lost in a rendered video")
    crf, preset = str(settings.crf), settings.preset
    # Constant quality, but no file grows to more than about one and a half times its source.
    cap = max(int((bit_rate or info.bit_rate) * 1.5), 200_000)
    rate = {"crf": crf, "preset": preset, "maxrate": str(cap), "bufsize": str(2 * cap)}
    # Under a cap and with its macroblock tree, x264's bytes depended on what the process had done
    # before: a quarter of a test's segments came out differently in a fresh one. Without, none.
    x264 = {**rate, "bf": "0", "mbtree": "0", "forced-idr": "1"}
    if info.h264 is not None:
        # Stitchable: the headers do not depend on what is encoded, nor on its rate.
        x264 |= {
            "profile": info.h264.profile,
            "level": f"{info.h264.level_idc / 10:g}",
            "x264-params": f"sps-id={info.h264.free_id}:stitchable=1",
        }
    table: dict[str, Encoder] = {
        "hevc": Encoder(
            "libx265",
            {
                **rate,
                "x265-params": "bframes=0:pools=1:frame-threads=1:log-level=error",
            },
        ),
        "vp8": Encoder(
            "libvpx", {"crf": "10", "b": str(max(info.bit_rate, 200_000)), "auto-alt-ref": "0"}
        ),
        "vp9": Encoder(
            "libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "5", "lag-in-frames": "0"}
        ),
        "av1": Encoder("libsvtav1", {"crf": "28", "preset": "9", "svtav1-params": "pred-struct=1"}),
        "ffv1": Encoder("ffv1", {}),
        "mjpeg": Encoder("mjpeg", {"qmin": "2", "qmax": "2", "strict": "unofficial"}),
        "png": Encoder("png", {}),
        "bmp": Encoder("bmp", {}),
        "webp": Encoder("libwebp", {"quality": "95"}),
    }
    encoder = table.get(info.codec, Encoder("libx264", x264))
    if info.codec == "mjpeg" and not info.is_image:
        encoder = Encoder("libx264", x264)
    if encoder.name == "libx264" and info.pix_fmt in {"bgr0", "rgb24", "bgr24"}:
        encoder = Encoder("libx264rgb", x264)
    _check_pixel_format(info, encoder)
    return encoder


def open_encoder(info: VideoInfo, encoder: Encoder) -> VideoCodecContext:
    """An opened encoder; the same source and settings always give the same extradata."""
    context: VideoCodecContext = av.CodecContext.create(encoder.name, "w")  # type: ignore[assignment]
    configure(context, info)
    context.options = dict(encoder.options)
    try:
        context.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise UnsupportedError(
            f"{encoder.name} cannot encode {info.width_px} × {info.height_px} {info.pix_fmt}: "
            f"{error}"
        ) from error
    return context


def configure(context: VideoCodecContext, info: VideoInfo) -> None:
    """Give an encoder everything about the picture that must stay as it was."""
    context.width, context.height = info.width_px, info.height_px
    context.pix_fmt = info.pix_fmt
    context.time_base = info.time_base
    context.framerate = info.rate
    context.sample_aspect_ratio = info.sample_aspect_ratio
    configure_colors(context, info)
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

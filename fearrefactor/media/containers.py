"""In which container a result is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fearrefactor.media.source import IMAGE_FORMATS

if TYPE_CHECKING:
    from fearrefactor.core.video import VideoInfo


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """FFmpeg's muxer, the file's suffix, and the muxer's options."""

    muxer: str
    suffix: str
    options: dict[str, str] = field(default_factory=dict)


_KEPT = {
    "matroska": OutputFormat("matroska", ".mkv"),
    "mpegts": OutputFormat("mpegts", ".ts", {"mpegts_copyts": "1", "muxdelay": "0"}),
    "gif": OutputFormat("gif", ".gif"),
}
#: Of these only copies are made: nobody wants more of them.
_ONLY_COPIED = {
    "avi": OutputFormat("avi", ".avi"),
    "flv": OutputFormat("flv", ".flv"),
    "ogg": OutputFormat("ogg", ".ogv"),
    "asf": OutputFormat("asf", ".wmv"),
}
_LEAST_TICKS_PER_S = 10_000
_WEBM_CODECS = {"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"}
#: What may stand in an MP4 and is played from there by browsers and telephones.
_MP4_CODECS = {
    *("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg"),
    *("aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac", "mov_text"),
}
_MOV_CODECS = {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_u8", "pcm_f32le", "prores", "rawvideo"}


def output_format(info: VideoInfo, video_codec: str, *, copied: bool = False) -> OutputFormat:
    """The source's own container; for others MP4, or what holds streams that MP4 cannot.

    ``copied``: nothing was rendered.
    """
    if info.is_image:
        return OutputFormat("image", IMAGE_FORMATS[info.container])
    beside = {s.codec for s in info.streams if s.kept and s.index != info.stream_index}
    codecs = beside | {video_codec}
    own = _own(info, codecs, copied=copied)
    if own is not None and (own.muxer != "gif" or video_codec == "gif"):
        return own
    if codecs <= _MP4_CODECS and info.brand != "qt":
        return OutputFormat("mp4", ".mp4", _mov_options(info))
    if info.container == "mov" or codecs <= _MP4_CODECS | _MOV_CODECS:
        return OutputFormat("mov", ".mov", _mov_options(info))
    # The sound of a WMV may stand in nothing else.
    return _ONLY_COPIED["asf"] if info.container == "asf" else _KEPT["matroska"]


def _own(info: VideoInfo, codecs: set[str], *, copied: bool) -> OutputFormat | None:
    if copied and info.container in _ONLY_COPIED:
        return _ONLY_COPIED[info.container]
    if info.brand == "webm" and codecs <= _WEBM_CODECS:
        return OutputFormat("webm", ".webm")
    return _KEPT.get(info.container)


def _mov_options(info: VideoInfo) -> dict[str, str]:
    """What makes MP4 and QuickTime files start at once and keep what they are told."""
    # A track's start is written in the film's clock: give it the video's, or it is rounded; and a
    # finer one where that is coarse, for the sound.
    ticks_per_s = info.time_base.denominator
    while ticks_per_s < _LEAST_TICKS_PER_S:
        ticks_per_s *= 2
    return {
        "movflags": "+faststart",
        "movie_timescale": str(ticks_per_s),
        # FFmpeg leaves out Dolby Vision's record unless told that its specification is no draft.
        "strict": "unofficial",
    }


def sample_entry(muxer: str, codec: str, source_tag: str) -> str | None:
    """How the picture's samples are called in a file; None where the muxer knows.

    FFmpeg's MP4 muxer calls HEVC ``hev1``, which Apple's players do not play. What the source calls
    ``hev1`` may carry parameter sets in its packets, which ``hvc1`` forbids, and stays as it was.
    """
    if muxer == "mov" and codec == "prores":  # its six kinds differ in nothing but the name
        return source_tag
    if codec != "hevc" or muxer not in {"mp4", "mov"}:
        return None
    kept = {"hev1", "dvh1", "dvhe"} if muxer == "mp4" else {"hev1"}
    return source_tag if source_tag in kept else "hvc1"

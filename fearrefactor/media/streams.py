"""Which streams of a source are masked, which are carried along, which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.stream import Disposition

from fearrefactor.core.video import StreamInfo
from fearrefactor.errors import MediaError, UnsupportedError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

#: Pictures beside the film: covers, thumbnails. They would show what was masked.
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def main_video(container: InputContainer) -> VideoStream:
    """The one stream that a player shows.

    Raises:
        MediaError: ``no_video_stream``.
        UnsupportedError: no decoder here knows its codec.
    """
    best = container.streams.best("video")
    moving = [stream for stream in container.streams.video if not _is_still(stream)]
    if not moving:
        kinds = ", ".join(stream.type for stream in container.streams) or "none"
        raise MediaError(f"no video stream; streams found: {kinds}", code="no_video_stream")
    main = best if best is not None and best in moving else moving[0]
    if main.codec_context is None:
        raise UnsupportedError(f"video stream {main.index} has a codec that no decoder here knows")
    return main


def describe(container: InputContainer, main: VideoStream) -> tuple[StreamInfo, ...]:
    """All streams of a source and whether the output keeps them."""
    return tuple(_describe(stream, main) for stream in container.streams)


def kept_beside(container: InputContainer) -> list[Stream]:
    """The audio and subtitle streams that are copied packet for packet."""
    return [*container.streams.audio, *container.streams.subtitles]


def codec_name(stream: Stream) -> str:
    """The codec's own name ("av1"), not that of the decoder at hand ("libdav1d")."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _is_still(stream: Stream) -> bool:
    return bool(stream.disposition & _STILL)


def _describe(stream: Stream, main: VideoStream) -> StreamInfo:
    why = ""
    if stream.type == "video" and stream.index != main.index:
        why = "a picture beside the film" if _is_still(stream) else "a second video track"
    elif stream.type not in {"video", "audio", "subtitle"}:
        why = f"{stream.type} is not carried: it may describe what was masked"
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=codec_name(stream),
        language=stream.language,
        kept=not why,
        why=why,
    )

"""Rendered or copied video packets and the source's other streams, muxed into one file.

The source is read once more and its interleaving kept: wherever one of its video packets stood, the
next packet of the result goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

from fearrefactor.errors import FidelityError, UnsupportedError
from fearrefactor.media.containers import output_format
from fearrefactor.media.decode import decoded, shows_nothing
from fearrefactor.media.encode import choose_encoder, configure
from fearrefactor.media.packets import EncodedPacket, unpack_all
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import kept_beside, main_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import VideoInfo
    from fearrefactor.media.source import Source

#: Of the source's texts only these go along: others name devices, places and people.
_KEPT_CONTAINER_TAGS = ("title",)
_KEPT_STREAM_TAGS = ("language", "title", "alpha_mode")  # the last says that a WebM is transparent
_FAST_CLOCK_HZ = 1_000_000


def assemble(
    source: Source,
    info: VideoInfo,
    rendered: Sequence[Path] | None,
    settings: RenderSettings,
    folder: Path,
) -> Path:
    """Write the result into ``folder``; answers its path, whose suffix names the container.

    ``rendered``: files of packed packets, a file a segment, in order; None copies the source's own
    video packets, for a video in which nothing is masked.

    Raises:
        FidelityError: there are more or fewer rendered packets than the source has frames.
        UnsupportedError: a stream of the source cannot stand in the result.
    """
    packets = _unpack(rendered) if rendered is not None else None
    if info.is_image:
        path = folder / f"result{output_format(info, info.codec).suffix}"
        _write_image(path, packets)
        return path
    codec = choose_encoder(info, settings).name if packets is not None else info.codec
    target = output_format(info, _codec_of(codec))
    path = folder / f"result{target.suffix}"
    container, _ = open_source(source)
    try:
        with (
            container,
            av.open(
                str(path), "w", format=target.muxer, container_options=target.options
            ) as output,
        ):
            _mux(container, output, info, settings, packets)
    except (av.error.FFmpegError, ValueError) as error:
        raise UnsupportedError(
            f"{target.muxer} cannot hold what the source has "
            f"({', '.join(s.codec for s in info.streams if s.kept)}): {error}"
        ) from error
    return path


def _mux(
    container: InputContainer,
    output: OutputContainer,
    info: VideoInfo,
    settings: RenderSettings,
    packets: Iterator[EncodedPacket] | None,
) -> None:
    video = main_video(container)
    if packets is None:
        target: Stream = output.add_stream_from_template(video, opaque=True)
    else:
        target = _rendered_stream(output, info, settings)
    beside = {s.index: _copied_stream(output, s) for s in kept_beside(container)}
    targets = {video.index: target, **beside}
    for index, stream in targets.items():
        _keep_tags(container.streams[index], stream)
    output.metadata.update(_kept(container.metadata, _KEPT_CONTAINER_TAGS))
    if info.n_chapters:
        output.set_chapters(container.chapters())
    for packet in decoded(container.demux()):
        if not packet.size or packet.stream_index not in targets:
            continue
        if packets is None or packet.stream_index in beside:
            packet.stream = targets[packet.stream_index]
            output.mux_one(packet)
        elif not packet.is_discard and not shows_nothing(packet, info.codec):
            output.mux_one(_next_packet(packets, target, info))
    if packets is not None and next(packets, None) is not None:
        raise FidelityError("more packets were rendered than the source has frames")


def _rendered_stream(
    output: OutputContainer, info: VideoInfo, settings: RenderSettings
) -> VideoStream:
    encoder = choose_encoder(info, settings)
    stream: VideoStream = output.add_stream(  # type: ignore[assignment]
        encoder.name, rate=info.rate, options=dict(encoder.options)
    )
    configure(stream.codec_context, info)
    stream.time_base = info.time_base
    if info.display_matrix is not None:
        stream.set_display_matrix(info.display_matrix)
    elif info.rotation_deg:
        stream.set_display_rotation(-info.rotation_deg)
    return stream


def _copied_stream(output: OutputContainer, source: Stream) -> Stream:
    stream: Stream = output.add_stream_from_template(source, opaque=True)
    if source.type == "subtitle" and source.time_base:
        # FFmpeg 8.1's MP4 muxer holds a subtitle's end against other streams' times as if all
        # clocks ticked alike, and adds empty lines where the subtitle's clock is the slower one.
        stream.time_base = source.time_base / -(-_FAST_CLOCK_HZ // source.time_base.denominator)
    return stream


def _next_packet(
    packets: Iterator[EncodedPacket], stream: Stream, info: VideoInfo
) -> Packet[Stream]:
    encoded = next(packets, None)
    if encoded is None:
        raise FidelityError("fewer packets were rendered than the source has frames")
    packet: Packet[Stream] = av.Packet(encoded.data)
    packet.time_base = info.time_base
    packet.pts = packet.dts = encoded.pts
    packet.duration = encoded.duration
    packet.is_keyframe = encoded.is_keyframe
    packet.stream = stream
    return packet


def _keep_tags(source: Stream, target: Stream) -> None:
    target.metadata.update(_kept(source.metadata, _KEPT_STREAM_TAGS))
    target.disposition = source.disposition


def _kept(tags: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: tags[name] for name in names if name in tags}


def _unpack(files: Sequence[Path]) -> Iterator[EncodedPacket]:
    for path in files:
        with path.open("rb") as file:
            yield from unpack_all(file)


def _write_image(path: Path, packets: Iterator[EncodedPacket] | None) -> None:
    found = list(packets or ())
    if len(found) != 1:
        raise FidelityError(f"an image has one frame; {len(found)} were rendered")
    path.write_bytes(found[0].data)


def _codec_of(encoder: str) -> str:
    return {
        "libx264": "h264",
        "libx264rgb": "h264",
        "libx265": "hevc",
        "libvpx": "vp8",
        "libvpx-vp9": "vp9",
        "libsvtav1": "av1",
    }.get(encoder, encoder)

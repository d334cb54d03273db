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
from fearrefactor.media.decode import decoded
from fearrefactor.media.packets import EncodedPacket, unpack_all
from fearrefactor.media.source import open_source
from fearrefactor.media.streams import kept_beside, main_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

    from fearrefactor.media.source import Source
    from fearrefactor.media.splice import Splice

#: Of the source's texts only these go along: others name devices, places and people.
_KEPT_CONTAINER_TAGS = ("title",)
_KEPT_STREAM_TAGS = ("language", "title", "alpha_mode")  # the last says that a WebM is transparent
_FAST_CLOCK_HZ = 1_000_000


def assemble(
    source: Source,
    splice: Splice,
    rendered: Sequence[Path],
    folder: Path,
    keep_tags: Sequence[str] = (),
) -> Path:
    """Write the result into ``folder``; answers its path, whose suffix names the container.

    ``rendered``: files of packed packets, in order, of the GOPs that are spliced in; ``keep_tags``:
    texts of the container that go along beside its title.

    Raises:
        FidelityError: there are more or fewer rendered packets than those GOPs have frames.
        UnsupportedError: a stream of the source cannot stand in the result.
    """
    packets, info = _unpack(rendered), splice.info
    if info.is_image:
        path = folder / f"result{output_format(info, info.codec).suffix}"
        _write_image(path, packets)
        return path
    target = output_format(info, splice.codec, copied=splice.is_copy)
    path = folder / f"result{target.suffix}"
    container, _ = open_source(source)
    try:
        with (
            container,
            av.open(
                str(path), "w", format=target.muxer, container_options=target.options
            ) as output,
        ):
            output.metadata.update(_kept(container.metadata, [*_KEPT_CONTAINER_TAGS, *keep_tags]))
            _mux(container, output, splice, packets)
    except (av.error.FFmpegError, ValueError) as error:
        raise UnsupportedError(
            f"{target.muxer} cannot hold what the source has "
            f"({', '.join(s.codec for s in info.streams if s.kept)}): {error}"
        ) from error
    return path


def _mux(
    container: InputContainer,
    output: OutputContainer,
    splice: Splice,
    rendered: Iterator[EncodedPacket],
) -> None:
    video = main_video(container)
    target = splice.add_stream(output, video)
    beside = {s.index: _copied_stream(output, s) for s in kept_beside(container)}
    targets = {video.index: target, **beside}
    for index, stream in targets.items():
        _keep_tags(container.streams[index], stream)
    if splice.info.n_chapters:
        output.set_chapters(container.chapters())
    for packet in decoded(container.demux()):
        if not packet.size or packet.stream_index not in targets:
            continue
        if packet.stream_index in beside:
            packet.stream = beside[packet.stream_index]
            output.mux_one(packet)
        else:
            passed = splice.passed(packet, rendered)
            if passed is not None:
                passed.stream = target
                output.mux_one(passed)
    if next(rendered, None) is not None:
        raise FidelityError("more packets were rendered than their GOPs have frames")


def _copied_stream(output: OutputContainer, source: Stream) -> Stream:
    stream: Stream = output.add_stream_from_template(source, opaque=True)
    if source.type == "subtitle" and source.time_base:
        # FFmpeg 8.1's MP4 muxer holds a subtitle's end against other streams' times as if all
        # clocks ticked alike, and adds empty lines where the subtitle's clock is the slower one.
        stream.time_base = source.time_base / -(-_FAST_CLOCK_HZ // source.time_base.denominator)
    return stream


def _keep_tags(source: Stream, target: Stream) -> None:
    target.metadata.update(_kept(source.metadata, _KEPT_STREAM_TAGS))
    target.disposition = source.disposition


def _kept(tags: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    wanted = {name.lower() for name in names}  # Matroska shouts
    return {name: text for name, text in tags.items() if name.lower() in wanted}


def _unpack(files: Sequence[Path]) -> Iterator[EncodedPacket]:
    for path in files:
        with path.open("rb") as file:
            yield from unpack_all(file)


def _write_image(path: Path, packets: Iterator[EncodedPacket] | None) -> None:
    found = list(packets or ())
    if len(found) != 1:
        raise FidelityError(f"an image has one frame; {len(found)} were rendered")
    path.write_bytes(found[0].data)

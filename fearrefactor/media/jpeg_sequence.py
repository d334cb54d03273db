"""Pictures of a sequence as a video, without decoding them: their bytes become its packets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from fearrefactor.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: What a JPEG file begins with.
_START = b"\xff\xd8\xff"


def mux_jpegs(pictures: Sequence[Path], target: Path, frames_per_s: int) -> None:
    """Write JPEG files of one size, in order, as Motion JPEG into a Matroska file ``target``.

    Raises:
        MediaError: there are none, one cannot be read, or is no JPEG.
    """
    if not pictures:
        raise MediaError("expected at least one picture", code="empty_file")
    try:
        with (
            av.open(str(pictures[0]), format="jpeg_pipe") as first,
            av.open(str(target), "w", format="matroska") as out,
        ):
            stream: Any = out.add_stream_from_template(first.streams.video[0])
            stream.time_base = Fraction(1, frames_per_s)
            for index, picture in enumerate(pictures):
                packet = av.Packet(_read(picture))
                packet.stream = stream
                packet.pts = packet.dts = index
                packet.duration = 1
                packet.time_base = Fraction(1, frames_per_s)
                packet.is_keyframe = True
                out.mux_one(packet)
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise MediaError(f"{pictures[0].parent} cannot be made a video: {error}") from error


def _read(picture: Path) -> bytes:
    content = picture.read_bytes()
    if not content.startswith(_START):
        raise MediaError(f"{picture} is no JPEG; expected a file that begins with ff d8 ff")
    return content

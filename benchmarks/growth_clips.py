"""Films of any length out of a short real one: its packets are repeated, nothing is encoded again.

The pictures are the catalog's ``bikes`` (640×272, 10 s), cropped to 16:9 and brought to a height.
"""

from __future__ import annotations

import functools
import os
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from fearrefactor.vision.catalog import cache_dir, find, pull

if TYPE_CHECKING:
    from pathlib import Path

FPS, GOP = 30, 60


@functools.lru_cache(maxsize=1)
def pictures() -> list[av.VideoFrame]:
    """Of the real clip, cropped to 16:9."""
    found = []
    with av.open(str(pull(find("bikes"), cache_dir(os.environ)))) as source:
        for frame in source.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24")
            margin = (pixels.shape[1] - pixels.shape[0] * 16 // 9) // 2
            cut = np.ascontiguousarray(pixels[:, margin : pixels.shape[1] - margin])
            found.append(av.VideoFrame.from_ndarray(cut, format="rgb24"))
    return found


def made(folder: Path, height: int, seconds: float, n: int = 1) -> list[Path]:
    """``n`` films of the same pictures at 30 frames a second, each a file of other bytes."""
    folder.mkdir()
    first = _first(folder / "first.mp4", height, min(seconds, 10.0))
    film = _repeated(first, folder / "film.mp4", max(1, round(seconds / 10)))
    content = film.read_bytes() if n > 1 else b""
    films = [film]
    for number in range(1, n):
        films.append(folder / f"{number}.mp4")
        films[-1].write_bytes(content + struct.pack(">I4sQ", 16, b"free", number))
    return films


def _first(path: Path, height: int, seconds: float) -> Path:
    """Encoded with B-frames, in closed GOPs of two seconds or less."""
    width = height * 16 // 9
    with av.open(str(path), "w") as out:
        options = {"crf": "23", "preset": "veryfast", "keyint_min": "10"}
        stream = out.add_stream("libx264", FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = GOP
        real = pictures()
        for number in range(round(seconds * FPS)):
            frame = real[number % len(real)].reformat(width, height, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _repeated(source: Path, path: Path, times: int) -> Path:
    with av.open(str(path), "w") as out:
        stream = None
        for number in range(times):
            with av.open(str(source)) as again:
                video = again.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                for packet in again.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = number * (video.duration or 0)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
    return path

"""Short films and pictures with lamps for ``stub_model``: what is in which frame is known."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH, HEIGHT, LAMP_PX, GOP = 160, 96, 32, 12
BAR_PX, _N_BITS = 8, 20
_COLOURS = {"red": (230, 20, 20), "green": (20, 210, 20), "blue": (20, 20, 230)}


def clip(
    lit: Mapping[str, Container[int]],
    n_frames: int = 48,
    *,
    seed: int = 0,
    barred: bool = False,
) -> bytes:
    """An MP4 of closed GOPs of 12 frames; ``lit`` says in which frames a lamp of a colour shines.

    Clips of different ``seed`` have different ground, so that they are different files. ``barred``
    frames carry a bar code of seed and frame, see ``read_bars``.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = GOP
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": "16", "bf": "0", "sc_threshold": "0"}
        for index in range(n_frames):
            shining = [colour for colour, frames in lit.items() if index in frames]
            pixels = picture(shining, index, seed)
            if barred:
                _draw_bars(pixels, seed, index)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            for packet in stream.encode(frame):
                out.mux_one(packet)
        for packet in stream.encode(None):
            out.mux_one(packet)
    return file.getvalue()


def picture(shining: list[str], index: int = 0, seed: int = 0) -> NDArray[np.uint8]:
    """``(96, 160, 3)`` uint8 RGB: grey stripes, and lamps that move by 2 pixels a frame."""
    x = np.arange(WIDTH)
    stripes = 128 + 40 * np.sin((x + 3 * seed + index) / 5)
    out = np.repeat(np.tile(stripes, (HEIGHT, 1))[:, :, None], 3, axis=2).astype(np.uint8)
    for colour in shining:
        left, top = corner(colour, index)
        out[top : top + LAMP_PX, left : left + LAMP_PX] = _COLOURS[colour]
    return out


def corner(colour: str, index: int) -> tuple[int, int]:
    """Left and top of a lamp in frame ``index``."""
    across, top = {"red": (0, 8), "green": (40, 56), "blue": (80, 8)}[colour]
    return (across + 2 * index) % (WIDTH - LAMP_PX), top


def read_bars(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Seed (modulo 256) and frame (modulo 4096) that the bar code of a frame tells."""
    strip = pixels[-BAR_PX:].mean((0, 2)).reshape(_N_BITS, BAR_PX).mean(1) > 127
    number = int("".join(str(int(bit)) for bit in strip), 2)
    return number >> 12, number & 0xFFF


def _draw_bars(pixels: NDArray[np.uint8], seed: int, index: int) -> None:
    """Twenty black or white squares along the lower edge, below all lamps."""
    number = (seed % 256) << 12 | index % 4096
    bits = [int(bit) for bit in f"{number:0{_N_BITS}b}"]
    pixels[-BAR_PX:] = np.repeat(np.array(bits, np.uint8) * 255, BAR_PX)[None, :, None]


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """All frames of a file as ``(height, width, 3)`` uint8 RGB."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]

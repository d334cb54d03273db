"""Small films made for tests: what is in them is known to the frame, the packet and the byte.

Every frame carries its own number as a row of black and white bars along its upper edge, so that a
test can read from a decoded picture which frame it is. Below it a soft pattern drifts.
"""

from __future__ import annotations

import io
import struct
import tempfile
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Disposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from numpy.typing import NDArray

N_BARS = 8
GPS = "+48.1371+011.5754/"
OWNER = "Anna Beispiel"


_ORIENTATION_6 = (
    b"\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01"
    b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
)


@dataclass(frozen=True)
class Recipe:
    """How a film is made.

    ``pts``: times of its frames in ``1 / rate`` s, by default 0, 1, 2 and so on; ``audio``: a codec
    a track; ``subtitles``: the codec of one track of three lines; ``muxer`` with its
    ``muxer_options``; ``tags`` of the container.
    """

    width: int = 160
    height: int = 96
    n_frames: int = 48
    rate: int = 24
    pts: tuple[int, ...] | None = None
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int = 12
    options: Mapping[str, str] = field(default_factory=dict)
    colours: tuple[int, int, int, int] = (1, 1, 1, 1)  # BT.709, limited range
    aspect: Fraction = Fraction(1)
    rotation_deg: int = 0
    audio: tuple[str, ...] = ()
    subtitles: str | None = None
    chapters: tuple[str, ...] = ()
    cover: bool = False
    second_video: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    muxer: str = "mp4"
    muxer_options: Mapping[str, str] = field(default_factory=dict)


def plain(**changes: Any) -> bytes:
    """H.264 without B-frames, four closed GOPs of 12 frames, silent, in MP4."""
    return film(replace(Recipe(), **changes))


def b_frames(**changes: Any) -> bytes:
    """H.264 with a pyramid of B-frames: packets are not in the order in which they are shown."""
    return plain(options={"bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}, **changes)


def open_gop(**changes: Any) -> bytes:
    """H.264 whose later GOPs begin with pictures that need the GOP before: one IDR in the file."""
    return plain(options={"bf": "2", "x264-params": "open-gop=1:b-adapt=0"}, **changes)


def rolling_refresh(**changes: Any) -> bytes:
    """H.264 that renews a column at a time: "key" frames that are no IDR and show only a part."""
    return plain(options={"x264-params": "intra-refresh=1"}, **changes)


def variable_rate(**changes: Any) -> bytes:
    """H.264 at uneven times, as a telephone records in the dark: gaps of 1 to 9 ticks."""
    steps = np.random.default_rng(7).integers(1, 10, 48)
    return plain(pts=tuple(np.cumsum(steps).tolist()), rate=90, **changes)


def sound_only() -> bytes:
    """AAC in MP4 and nothing to see."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        out.mux(_audio(out, "aac", 0, Recipe()))
    return file.getvalue()


def everything(**changes: Any) -> bytes:
    """An MP4 with two sound tracks, chapters, a title, a cover and names of places and people."""
    recipe = Recipe(
        audio=("aac", "aac"),
        chapters=("Arrival", "Departure"),
        cover=True,
        subtitles="mov_text",
        tags={"title": "Holiday", "location": GPS, "artist": OWNER, "comment": OWNER},
    )
    return film(replace(recipe, **changes))


def image(kind: str, width: int = 160, height: int = 96) -> bytes:
    """One frame as ``"mjpeg"`` or ``"png"``."""
    context: Any = av.CodecContext.create(kind, "w")
    context.width, context.height = width, height
    context.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}[kind]
    context.time_base = Fraction(1, 25)
    if kind == "mjpeg":
        context.options = {"qmin": "2", "qmax": "2"}
    frame = _frame(5, width, height, context.pix_fmt)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def lying(jpeg: bytes) -> bytes:
    """A JPEG as of a telephone held upright: orientation 6, to be turned clockwise."""
    return jpeg[:2] + _ORIENTATION_6 + jpeg[2:]


def film(recipe: Recipe) -> bytes:
    """The bytes of a film."""
    # Into a real file: an MP4 muxer opens it once more to move its table to the front.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        _write(path, recipe)
        return path.read_bytes()


def luma(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """``(height, width)`` uint8: the soft pattern of frame ``index`` with its number on top."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = np.sin((x + 2 * index) / 17) + np.sin((y - index) / 11) + np.sin((x + y) / 23)
    out: NDArray[np.uint8] = (125 + 30 * waves).astype(np.uint8)
    edges = np.linspace(0, width, N_BARS + 1).astype(int)
    for bit in range(N_BARS):
        out[: height // 4, edges[bit] : edges[bit + 1]] = 220 if index >> bit & 1 else 30
    return out


def number_of(frame: av.VideoFrame) -> int:
    """The number that a decoded frame carries, read from the middle of each bar."""
    gray = frame.to_ndarray(format="gray")
    edges = np.linspace(0, frame.width, N_BARS + 1)
    middles = ((edges[:-1] + edges[1:]) / 2).astype(int)
    bars = gray[frame.height // 8, middles] > 125
    return int(sum(1 << bit for bit, bar in enumerate(bars.tolist()) if bar))


def _write(path: Path, recipe: Recipe) -> None:
    options = dict(recipe.muxer_options)
    with av.open(str(path), "w", format=recipe.muxer, container_options=options) as out:
        out.metadata.update(recipe.tags)
        packets = _video(out, recipe)
        packets += [packet for number, codec in enumerate(recipe.audio)
                    for packet in _audio(out, codec, number, recipe)]  # fmt: skip
        if recipe.subtitles:
            packets += _subtitles(out, recipe.subtitles)
        if recipe.second_video:
            packets += _video(out, replace(recipe, width=64, height=64, rotation_deg=0))
        cover = _cover(out) if recipe.cover else []
        if recipe.chapters:
            out.set_chapters(_chapters(recipe))
        packets.sort(key=lambda packet: (packet.dts or 0) * Fraction(packet.time_base or 1))
        for packet in [*cover, *packets]:
            out.mux_one(packet)


def _frame(index: int, width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    planes = np.full((height + 2 * (height // 2), width), 128, np.uint8)
    planes[:height] = luma(index, width, height)
    planes[height : height + height // 2] = 128 + 40 * np.sin((width + index) / 29)
    if width % 2 or height % 2:  # numpy has no planes of half a pixel: let swscale make them
        gray = av.VideoFrame.from_ndarray(planes[:height].copy(), format="gray")
        return gray.reformat(format=pix_fmt, src_color_range=1, dst_color_range=1)
    flat = np.concatenate([planes[:height].ravel(), planes[height:].ravel()[: width * height // 2]])
    made = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    return made if pix_fmt == "yuv420p" else made.reformat(format=pix_fmt)


def _video(out: OutputContainer, recipe: Recipe) -> list[Packet[Any]]:
    options = {"preset": "veryfast", "crf": "18", "bf": "0", "sc_threshold": "0"}
    if recipe.codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": "log-level=error:pools=1"}
    elif recipe.codec != "libx264":
        options = {}
    stream: Any = out.add_stream(recipe.codec, rate=recipe.rate)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = recipe.width, recipe.height, recipe.pix_fmt
    context.gop_size = recipe.gop
    context.thread_count = 1
    context.sample_aspect_ratio = recipe.aspect
    context.color_range, context.color_primaries, context.color_trc, context.colorspace = (
        recipe.colours
    )
    context.time_base = Fraction(1, recipe.rate)
    context.options = {**options, **recipe.options}
    if recipe.rotation_deg:
        stream.set_display_rotation(-recipe.rotation_deg)
    packets = []
    for index, time in enumerate(recipe.pts or range(recipe.n_frames)):
        frame = _frame(index, recipe.width, recipe.height, recipe.pix_fmt)
        frame.pts, frame.time_base = time, Fraction(1, recipe.rate)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _audio(out: OutputContainer, codec: str, number: int, recipe: Recipe) -> list[Packet[Any]]:
    stream: Any = out.add_stream(codec, rate=48000)
    stream.codec_context.layout = "mono"
    stream.metadata["language"] = ("deu", "fra", "spa")[number]
    sample_format = stream.codec_context.format.name
    n_samples = 48000 * recipe.n_frames // recipe.rate
    tone = np.sin(np.arange(n_samples) * 2 * np.pi * 220 * (number + 1) / 48000) * 0.3
    packets = []
    size = 1024 if codec != "libopus" else 960
    for start in range(0, n_samples, size):
        part = tone[None, start : start + size]
        samples: NDArray[Any] = (
            (part * 32767).astype(np.int16) if "s16" in sample_format else part.astype(np.float32)
        )
        frame = av.AudioFrame.from_ndarray(samples, format=sample_format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _subtitles(out: OutputContainer, codec: str) -> list[Packet[Any]]:
    stream = out.add_mux_stream(codec, time_base=Fraction(1, 1000))
    stream.metadata["language"] = "eng"
    packets = []
    for number in range(3):
        text = f"line {number}".encode()
        data = struct.pack(">H", len(text)) + text if codec == "mov_text" else text
        packet: Packet[Any] = av.Packet(data)
        packet.stream = stream
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = number * 500
        packet.duration = 400
        packet.is_keyframe = True
        packets.append(packet)
    return packets


def _cover(out: OutputContainer) -> list[Packet[Any]]:
    stream: Any = out.add_mux_stream("mjpeg", width=160, height=96)
    stream.disposition = Disposition.attached_pic
    packet: Packet[Any] = av.Packet(image("mjpeg"))
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, 90000)
    packet.is_keyframe = True
    return [packet]


def _chapters(recipe: Recipe) -> list[Chapter]:
    length = recipe.n_frames * 1000 // recipe.rate // len(recipe.chapters)
    return [
        {
            "id": number,
            "start": number * length,
            "end": (number + 1) * length,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, title in enumerate(recipe.chapters)
    ]

"""A secret that can be found again: a coded picture and a coded word, planted where files hide.

The picture is a checkerboard of a known seed. What is left of it after compression, scaling and a
few losses still correlates with the code; no other picture does.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import av.error
import numpy as np
from av.stream import Disposition
from ffprobe import decoded, probe
from synthetic import luma
from tampered import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.container import OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

WORD: Final = "Zq7-Planted-4Xv"
WIDTH, HEIGHT, RATE = 160, 96, 24
_CELLS: Final = (8, 16)
#: 128 cells: pictures that have nothing to do with the code stay below 0.4 in 1 of 200 000.
_FOUND: Final = 0.5
_JPEG = re.compile(rb"\xff\xd8\xff.*?\xff\xd9", re.DOTALL)


def code() -> NDArray[np.float64]:
    """``(8, 16)`` of -1 and 1: the cells of the picture, as many light as dark."""
    cells = np.repeat([-1.0, 1.0], _CELLS[0] * _CELLS[1] // 2)
    np.random.default_rng(2024).shuffle(cells)
    return cells.reshape(_CELLS)


def coded_picture() -> NDArray[np.uint8]:
    """``(96, 160)`` uint8: the picture."""
    cells = np.kron(code(), np.ones((HEIGHT // _CELLS[0], WIDTH // _CELLS[1])))
    return (125 + 60 * cells).astype(np.uint8)


def likeness(gray: NDArray[np.uint8]) -> float:
    """How much of the code is in a picture ``(height, width)`` of any size: 1 is all, 0 nothing."""
    edges = [np.linspace(0, size, n + 1).round().astype(int)
             for size, n in zip(gray.shape, _CELLS, strict=True)]  # fmt: skip
    sums = np.add.reduceat(gray.astype(np.float64), edges[0][:-1], axis=0)
    sums = np.add.reduceat(sums, edges[1][:-1], axis=1)
    cells = sums / np.outer(np.diff(edges[0]), np.diff(edges[1]))
    spread = cells.std()
    return float(np.mean((cells - cells.mean()) * code()) / spread) if spread > 1 else 0.0


def findings(path: Path) -> set[str]:
    """Where in a file the secret is: ``"word"``, ``"jpeg"``, ``"video 0"`` and so on.

    Every stream is decoded with edit lists ignored; every byte is read, and so is every JPEG that
    stands anywhere among them.
    """
    data = path.read_bytes()
    found = {"word"} if WORD.encode() in data else set()
    if any(_is_coded(picture) for jpeg in _JPEG.findall(data) for picture in _opened(jpeg)):
        found.add("jpeg")
    seen = probe(path)
    everything = ("-ignore_editlist", "1") if "mov" in seen.container else ()
    for stream in seen.of_kind("video"):
        size = int(stream.facts["height"]), int(stream.facts["width"])
        form = ("-f", "rawvideo", "-pix_fmt", "gray")
        for frame in decoded(path, stream.index, *everything, form=form):
            if _is_coded(np.frombuffer(frame.data, np.uint8).reshape(size)):
                found.add(f"video {stream.index}")
    return found


def in_hidden_frames(n_first: int, n_last: int) -> bytes:
    """MP4: frames at the start and at the end that its edit list hides show the picture."""
    coded = {*range(n_first), *range(N_FRAMES - n_last, N_FRAMES)}
    return trimmed(_film("mp4", coded), n_first, n_last)


def in_second_video(muxer: str, codec: str = "libx264") -> bytes:
    """Another video track shows the picture."""
    return _film(muxer, second=codec)


def in_thumbnails() -> bytes:
    """MP4: a track of thumbnails for chapters shows the picture."""
    data = bytearray(_film("mp4", second="mjpeg"))
    trak = data.index(b"trak") - 4  # the table lies behind the samples: their offsets stay
    reference = struct.pack(">I4sI4sI", 20, b"tref", 12, b"chap", 2)
    for box in (data.index(b"moov") - 4, trak):
        (size,) = struct.unpack_from(">I", data, box)
        struct.pack_into(">I", data, box, size + len(reference))
        end = box + size
    data[end:end] = reference
    return bytes(data)


def in_cover() -> bytes:
    """MP4: the cover is the picture."""
    return _film("mp4", cover=True)


def in_attachments() -> bytes:
    """MKV: a cover that shows the picture is attached, and a text with the word."""

    def attach(folder: Path) -> list[str]:
        (folder / "cover.jpg").write_bytes(coded_jpeg())
        (folder / "notes.txt").write_text(f"here is {WORD}")
        cover = ["-attach", str(folder / "cover.jpg"), "-metadata:s:t:0", "mimetype=image/jpeg"]
        text = ["-attach", str(folder / "notes.txt"), "-metadata:s:t:1", "mimetype=text/plain"]
        return [*cover, *text]

    return _remuxed(_film("matroska"), "matroska", attach)


def in_tags(muxer: str) -> bytes:
    """The word is in tags that name places, people and devices; the title is an honest one."""
    names = ("location", "comment", "artist", "make", "model", "description", "copyright",
             "com.apple.quicktime.location.ISO6709", "synopsis", "encoded_by")  # fmt: skip
    tags = [part for name in names for part in ("-metadata", f"{name}={WORD}")]
    stream = [part for name in ("handler_name", "comment", "encoder", "vendor_id")
              for part in ("-metadata:s:v:0", f"{name}={WORD}")]  # fmt: skip
    custom = ["-movflags", "use_metadata_tags"] if muxer in {"mp4", "mov"} else []
    told = [*tags, *stream, *custom, "-metadata", "title=Holiday"]
    return _remuxed(_film(muxer), muxer, lambda _: told)


def in_strange_boxes() -> bytes:
    """MP4: the word is in boxes beside the film, and a JPEG of the picture hangs on at its end."""
    hidden = WORD.encode() + coded_jpeg()
    boxes = [struct.pack(">I4s", 8 + len(data), name) + data
             for name, data in ((b"free", hidden), (b"uuid", b"\7" * 16 + hidden))]  # fmt: skip
    return _film("mp4") + b"".join(boxes)


def in_telemetry() -> bytes:
    """MPEG-TS: packets of a data track carry the word, as drones and dashboard cameras do."""
    return _film("mpegts", telemetry=True)


def coded_jpeg() -> bytes:
    """The picture as a JPEG file."""
    return b"".join(bytes(packet) for packet in _stills("mjpeg", [coded_picture()]))


N_FRAMES: Final = 36


def _film(
    muxer: str,
    coded: Iterable[int] = (),
    *,
    second: str | None = None,
    cover: bool = False,
    telemetry: bool = False,
) -> bytes:
    """H.264 in GOPs of 12 frames, of which ``coded`` show the picture; and what else is asked."""
    hidden = set(coded)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        with av.open(str(path), "w", format=muxer) as out:
            pictures = [coded_picture() if index in hidden else luma(index, WIDTH, HEIGHT)
                        for index in range(N_FRAMES)]  # fmt: skip
            packets = _track(out, "libx264", pictures)
            if second:
                packets += _track(out, second, [coded_picture()] * N_FRAMES)
            if cover:
                packets += _track(out, "mjpeg", [coded_picture()], Disposition.attached_pic)
            if telemetry:
                packets += _telemetry(out)
            packets.sort(key=lambda packet: (packet.dts or 0) * Fraction(packet.time_base or 1))
            for packet in packets:
                out.mux_one(packet)
        return path.read_bytes()


def _track(
    out: OutputContainer,
    codec: str,
    pictures: Iterable[NDArray[np.uint8]],
    disposition: Disposition = Disposition.default,
) -> list[Packet[Any]]:
    stream: Any = out.add_stream(codec, rate=RATE)
    stream.disposition = disposition
    return _encoded(stream, stream.codec_context, codec, pictures)


def _stills(codec: str, pictures: Iterable[NDArray[np.uint8]]) -> list[Packet[Any]]:
    context: Any = av.CodecContext.create(codec, "w")
    return _encoded(context, context, codec, pictures)


def _encoded(
    encoder: Any, context: Any, codec: str, pictures: Iterable[NDArray[np.uint8]]
) -> list[Packet[Any]]:
    context.width, context.height = WIDTH, HEIGHT
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.time_base, context.gop_size, context.thread_count = Fraction(1, RATE), 12, 1
    x264 = {"preset": "veryfast", "crf": "20", "bf": "0", "sc_threshold": "0"}
    context.options = x264 if codec == "libx264" else {"qmin": "2", "qmax": "4"}
    packets = []
    for index, picture in enumerate(pictures):
        gray = av.VideoFrame.from_ndarray(picture, format="gray")
        frame = gray.reformat(format=context.pix_fmt)
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        packets += encoder.encode(frame)
    return [*packets, *encoder.encode(None)]


def _telemetry(out: OutputContainer) -> list[Packet[Any]]:
    stream = out.add_data_stream("klv")
    packets = []
    for index in range(N_FRAMES):
        packet: Packet[Any] = av.Packet(WORD.encode() * 4)
        packet.stream = stream
        packet.pts = packet.dts = index
        packet.time_base = Fraction(1, RATE)
        packets.append(packet)
    return packets


def _remuxed(film: bytes, muxer: str, options: Callable[[Path], list[str]]) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(film)
        told = options(folder)
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(folder / "in"), "-map", "0"]
        done = [*command, "-c", "copy", *told, "-f", muxer, str(folder / "out")]
        subprocess.run(done, check=True)
        return (folder / "out").read_bytes()


def _is_coded(gray: NDArray[np.uint8]) -> bool:
    return likeness(gray) > _FOUND


def _opened(jpeg: bytes) -> Iterator[NDArray[np.uint8]]:
    """The picture of a JPEG; nothing where the bytes only look like one."""
    decoder: Any = av.CodecContext.create("mjpeg", "r")
    try:
        frames = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    except av.error.FFmpegError:
        return
    yield from (frame.to_ndarray(format="gray") for frame in frames)

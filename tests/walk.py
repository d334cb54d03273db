"""The stages of ``media``, one after the other and in this process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.media.assemble import assemble
from fearrefactor.media.decode import checksum, segment_frames
from fearrefactor.media.index import index_source
from fearrefactor.media.render import render_segment
from fearrefactor.media.splice import Splice
from fearrefactor.media.verify import Expected, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.settings import VerifyMode
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.media.packets import EncodedPacket

LIMITS = Limits()
RENDER = RenderSettings()


def index_of(data: bytes, min_segment_frames: int = 1) -> VideoIndex:
    """The index of a film, cut as often as it can be."""
    cut = CutSettings(min_segment_frames=min_segment_frames)
    return index_source(io.BytesIO(data), LIMITS, cut)


def frames_of(data: bytes, index: VideoIndex) -> Iterator[av.VideoFrame]:
    """All frames, segment by segment, each segment from a decoder of its own."""
    for task in index.tasks():
        for _, frame in segment_frames(io.BytesIO(data), task):
            yield frame


def linear(data: bytes) -> list[tuple[int | None, bytes]]:
    """(pts, samples) of all frames that a decoder shows when it reads from start to end."""
    with av.open(io.BytesIO(data), "r") as container:
        return [
            (frame.pts, samples(frame)) for frame in container.decode(container.streams.video[0])
        ]


def samples(frame: av.VideoFrame) -> bytes:
    """The frame's planes without the padding at the ends of their lines."""
    return frame.to_ndarray().tobytes()


def middle(kind: str = "fill") -> Region:
    """A region over the middle quarter of the upright frame, whatever its size."""
    bits = np.zeros((24, 40), np.uint8)
    bits[6:18, 10:30] = 1
    effect = Effect.model_validate({"kind": kind, "color": "#ff00ff"})
    return Region(effect=effect, mask=encode(bits[None])[0], size_px=40.0)


def everywhere(index: VideoIndex, kind: str = "fill") -> dict[int, tuple[Region, ...]]:
    """The middle of every frame."""
    return dict.fromkeys(range(index.n_frames), (middle(kind),))


def rendered(
    data: bytes,
    index: VideoIndex,
    regions: Mapping[int, Sequence[Region]],
    *,
    whole: bool = False,
) -> list[EncodedPacket]:
    """The encoded packets of the dirty GOPs, or of all."""
    wanted = index.to_render(regions, whole=whole)
    return [
        packet
        for task in index.tasks()
        for packet in render_segment(
            io.BytesIO(data), task, regions, wanted[task.segment.gops], RENDER
        )
    ]


def packed(packets: Sequence[EncodedPacket], folder: Path) -> list[Path]:
    """The packets in a file, as ``assemble`` reads them."""
    path = folder / "packets"
    path.write_bytes(b"".join(packet.pack() for packet in packets))
    return [path]


def masked(
    data: bytes,
    index: VideoIndex,
    regions: Mapping[int, Sequence[Region]],
    folder: Path,
    *,
    whole: bool = False,
) -> Path:
    """Rendered, assembled and verified."""
    path = put_together(data, index, regions, folder, whole=whole)
    verify(io.BytesIO(data), path, expectation(data, index, regions, whole=whole), LIMITS)
    return path


def expectation(
    data: bytes,
    index: VideoIndex,
    regions: Mapping[int, Sequence[Region]],
    *,
    whole: bool = False,
    mode: VerifyMode = "full",
) -> Expected:
    """What a result of ``data`` should be, as a detect pass over all of its frames would say."""
    checksums = np.array([checksum(frame) for frame in frames_of(data, index)], np.uint32)
    return Expected(index, regions, checksums, whole, mode)


def put_together(
    data: bytes,
    index: VideoIndex,
    regions: Mapping[int, Sequence[Region]],
    folder: Path,
    *,
    whole: bool = False,
) -> Path:
    """Rendered and assembled."""
    files = packed(rendered(data, index, regions, whole=whole), folder)
    wanted = index.to_render(regions, whole=whole)
    return assemble(io.BytesIO(data), Splice(index.info, index.gops, wanted, RENDER), files, folder)


def copied(data: bytes, index: VideoIndex, folder: Path) -> Path:
    """The source's own packets, assembled and verified."""
    return masked(data, index, {}, folder)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal to noise of 8-bit samples in dB; 100 for equal ones."""
    error = float(np.mean((one.astype(float) - other.astype(float)) ** 2))
    return 100.0 if error == 0 else float(10 * np.log10(255**2 / error))

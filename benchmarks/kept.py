"""What a tool has made of a clip: frames, sound, what should be untouched, what should be gone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import av
import cv2
import numpy as np
from clips import thing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clips import Clip
    from numpy.typing import NDArray

#: Of 255: how far a pixel of the thing must be from its surround to be worth hiding, and how far
#: it must have gone to be hidden.
_TEXTURE: Final = 12
_CHANGE: Final = 6
_EVERY: Final = 5


@dataclass(frozen=True)
class Kept:
    """``sound``: its packets are those of the source ("exact"), are others, or are not there.

    ``clean_exact``: share of the frames of clean GOPs that decode to the very same pixels, None if
    there are none. ``hidden``: share of the thing's pixels with texture that have changed visibly,
    in every fifth frame with the thing; None if there is none.
    """

    n_frames_out: int
    n_bytes: int
    sound: str
    clean_exact: float | None
    hidden: float | None


def kept(clip: Clip, source: Path, result: Path) -> Kept:
    """Compare a result with its source, frame by frame."""
    n_frames = n_clean = n_exact = n_texture = n_hidden = 0
    width, height = clip.pixels
    for index, (before, after) in enumerate(zip_longest(_frames(source), _frames(result))):
        n_frames += after is not None
        if before is None:
            continue
        if not clip.is_in_dirty_gop(index):
            n_clean += 1
            n_exact += after is not None and _pixels(before) == _pixels(after)
        if clip.is_dirty(index) and index % _EVERY == 0:
            grey = before.to_ndarray(format="gray").astype(np.int16)
            blurred = cv2.blur(grey, (height // 10, height // 10))
            texture = thing(index, width, height) & (np.abs(grey - blurred) > _TEXTURE)
            n_texture += int(texture.sum())
            if after is not None:
                n_hidden += int((texture & (_difference(grey, after) > _CHANGE)).sum())
    return Kept(
        n_frames_out=n_frames,
        n_bytes=result.stat().st_size,
        sound=_sound(source, result),
        clean_exact=n_exact / n_clean if n_clean else None,
        hidden=n_hidden / n_texture if n_texture else None,
    )


def _frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as file:
        yield from file.decode(video=0)


def _pixels(frame: av.VideoFrame) -> bytes:
    return frame.to_ndarray().tobytes()


def _difference(grey: NDArray[np.int16], frame: av.VideoFrame) -> NDArray[np.int16]:
    found: NDArray[np.int16] = np.abs(grey - frame.to_ndarray(format="gray").astype(np.int16))
    return found


def _sound(source: Path, result: Path) -> str:
    before, after = _sound_packets(source), _sound_packets(result)
    if not after:
        return "lost"
    return "exact" if before == after else "re-encoded"


def _sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        if not file.streams.audio:
            return []
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]

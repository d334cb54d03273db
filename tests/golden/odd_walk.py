"""Each odd file goes through the stages once; every test looks at what came of it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ffprobe import Decoded, Probe, looked_at, probe
from kept_properties import Kept, kept
from walk import LIMITS, frames_of, index_of, middle, put_together

from fearrefactor.errors import FearRefactorError
from fearrefactor.media.decode import checksum
from fearrefactor.media.verify import Expected, verify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoIndex

N_MASKED = 3
#: Pictures as small as this are looked at.
SMALL = 40, 24
#: Of the films that are spliced these are also masked in all frames; films of one GOP always are
#: rendered in that way.
COVERED = {"fragmented.mp4", "rotate90_display_matrix.mp4", "subs_movtext.mp4"}


@dataclass(frozen=True)
class Seen:
    """A file as the second tool sees it, its film decoded."""

    path: Path
    probe: Probe
    frames: tuple[Decoded, ...]
    kept: Kept


def seen(path: Path, video: int | None = None) -> Seen:
    """Look at a file; its film is stream ``video``, or its only one."""
    found = probe(path)
    number = video if video is not None else found.of_kind("video")[0].index
    frames = tuple(looked_at(path, number, SMALL))
    return Seen(path, found, frames, kept(path, found, number, frames))


@dataclass
class Walked:
    """What comes of a file: a result for each way, or the error that refused it.

    The ways are ``clean`` with nothing masked, ``masked`` with a few frames in its middle masked,
    and ``covered`` with all frames masked.
    """

    source: Path
    folder: Path
    _seen: dict[str, Seen] = field(default_factory=dict)

    @cached_property
    def data(self) -> bytes:
        """The file."""
        return self.source.read_bytes()

    @cached_property
    def index(self) -> VideoIndex:
        """Its index."""
        return index_of(self.data, 12)

    def planned(self, way: str) -> range:
        """The frames that are masked."""
        n = self.index.n_frames
        few = range(n // 2, min(n // 2 + N_MASKED, n))
        return {"clean": range(0), "masked": few, "covered": range(n)}[way]

    def copied_frames(self, way: str) -> list[int]:
        """The frames whose packets are those of the source."""
        rendered = self.index.to_render(self.planned(way))
        edges = self.index.gops.first_frame.tolist()
        return [frame for gop in range(len(rendered)) if not rendered[gop]
                for frame in range(edges[gop], edges[gop + 1])]  # fmt: skip

    @cached_property
    def results(self) -> dict[str, Path | FearRefactorError]:
        """What came of it, by way."""
        ways = ["clean"] if self.copied_frames("clean") else []  # else all is rendered anyhow
        ways += ["masked", "covered"] if self.source.name in COVERED else ["masked"]
        return {way: self._go(way) for way in ways}

    @property
    def made(self) -> dict[str, Path]:
        """Those that are files."""
        return {way: path for way, path in self.results.items() if isinstance(path, Path)}

    def original(self, video: int) -> Seen:
        """The file itself as ffprobe sees it; its film is stream ``video``."""
        if "" not in self._seen:
            self._seen[""] = seen(self.source, video)
        return self._seen[""]

    def seen(self, way: str) -> Seen:
        """A result as ffprobe sees it."""
        if way not in self._seen:
            self._seen[way] = seen(self.made[way])
        return self._seen[way]

    def outcome(self, way: str) -> str:
        """The suffix of the result, or the code that refused."""
        result = self.results[way]
        return result.suffix if isinstance(result, Path) else result.code

    @cached_property
    def decoded(self) -> tuple[list[int | None], NDArray[np.uint32]]:
        """Times of its frames, and the checksums that a detect pass takes of them."""
        seen = [(frame.pts, checksum(frame)) for frame in frames_of(self.data, self.index)]
        return [pts for pts, _ in seen], np.array([crc for _, crc in seen], np.uint32)

    def _go(self, way: str) -> Path | FearRefactorError:
        folder = self.folder / way
        folder.mkdir()
        regions = dict.fromkeys(self.planned(way), (middle(),))
        _, checksums = self.decoded
        try:
            path = put_together(self.data, self.index, regions, folder)
            expected = Expected(self.index, regions, checksums, whole=False, mode="full")
            verify(io.BytesIO(self.data), path, expected, LIMITS)
        except FearRefactorError as error:
            return error
        return path

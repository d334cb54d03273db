"""Each odd file goes through the stages once; every test looks at what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ffprobe import Decoded, Probe, digests, probe
from kept_properties import Kept, kept
from walk import index_of, masked, middle

from fearrefactor.errors import FearRefactorError

if TYPE_CHECKING:
    from fearrefactor.core.video import VideoIndex

N_MASKED = 3
WAYS = ("clean", "masked", "covered")


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
    frames = tuple(digests(path, number))
    return Seen(path, found, frames, kept(path, found, number, frames))


@dataclass
class Walked:
    """What comes of a file: a result for each way, or the error that refused it.

    The ways are ``clean`` with nothing masked, ``masked`` with a few frames in its middle masked,
    and ``covered`` with all frames masked, where that is rendered in another way.
    """

    name: str
    source: Path
    folder: Path

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
        ways = WAYS if self.copied_frames("masked") else WAYS[:2]
        return {way: self._go(way) for way in ways}

    @property
    def made(self) -> dict[str, Path]:
        """Those that are files."""
        return {way: path for way, path in self.results.items() if isinstance(path, Path)}

    def outcome(self, way: str) -> str:
        """The suffix of the result, or the code that refused."""
        result = self.results[way]
        return result.suffix if isinstance(result, Path) else result.code

    def _go(self, way: str) -> Path | FearRefactorError:
        folder = self.folder / way
        folder.mkdir()
        regions = dict.fromkeys(self.planned(way), (middle(),))
        try:
            return masked(self.data, self.index, regions, folder)
        except FearRefactorError as error:
            return error

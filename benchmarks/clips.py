"""Clips for benchmarks, made once into the cache from real pictures: a film with a marked thing.

    python benchmarks/clips.py NAME…

``NAME`` is what ``Clip.name`` writes, ``720p-300-fifth``: size, frames and share of the GOPs that
are dirty. The pictures are those of a video under ``--film`` (by default bigbuckbunny, of the
catalog), shown forwards and backwards without end and re-encoded: 30 frames a second, a closed GOP
a second, B-frames as x264 makes them by itself, and a sound track. In dirty GOPs a thing of a tenth
of the picture moves along the middle of it. A mark of pure magenta at its centre, which no real
picture has, says to a scripted model where it is, whoever decodes the frame; any blur over the
thing makes the mark disappear.
"""

from __future__ import annotations

import itertools
import math
import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import av
import click
import cv2
import numpy as np

from fearrefactor.vision.catalog import cache_dir, find, pull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Size = Literal["720p", "1080p"]
Share = Literal["none", "fifth", "all"]

FPS: Final = 30
GOP: Final = 30
MARK: Final = (255, 0, 255)
#: Of the picture's width and height: half the axes of the thing, whose area is a tenth of both.
HALF_AXES: Final = (0.14, 0.1 / (math.pi * 0.14))
_SIZES: Final[dict[Size, tuple[int, int]]] = {"720p": (1280, 720), "1080p": (1920, 1080)}
_SOUND_HZ: Final = 48_000
_LAP_FRAMES: Final = 240
#: Raised when clips change.
_FORMAT: Final = 1


@dataclass(frozen=True)
class Clip:
    """One clip; ``number`` tells apart several that are alike, with other dirty GOPs."""

    size: Size
    n_frames: int
    share: Share
    number: int = 0

    @property
    def name(self) -> str:
        """Also that of its file."""
        return f"{self.size}-{self.n_frames}-{self.share}" + f"-{self.number}" * bool(self.number)

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        return _SIZES[self.size]

    def is_dirty(self, frame: int) -> bool:
        """Whether the thing is in a frame: in any of ``all``, else in the middle of a dirty GOP.

        Its mask reaches 0.3 s beyond it, and with that not into other GOPs.
        """
        if self.share == "fifth":
            return self.is_in_dirty_gop(frame) and GOP // 3 <= frame % GOP < GOP * 2 // 3
        return self.share == "all"

    def is_in_dirty_gop(self, frame: int) -> bool:
        """Whether anything is masked in its GOP."""
        return self.share == "all" or (
            self.share == "fifth" and (frame // GOP + self.number) % 5 == 2
        )


def centre(frame: int) -> tuple[float, float]:
    """Of the thing, as shares of width and height: from left to right and back in 16 s."""
    lap = abs((frame / _LAP_FRAMES) % 2 - 1)
    return 0.2 + 0.6 * lap, 0.5


def thing(frame: int, width: int, height: int) -> NDArray[np.bool_]:
    """``(height, width)``: where the thing is."""
    x, y = centre(frame)
    across = ((np.arange(width) + 0.5) / width - x) / HALF_AXES[0]
    down = ((np.arange(height) + 0.5) / height - y) / HALF_AXES[1]
    inside: NDArray[np.bool_] = down[:, None] ** 2 + across[None, :] ** 2 <= 1
    return inside


def made(clip: Clip, film: Path | None = None) -> Path:
    """The file of a clip in the cache, made if it is not there."""
    cache = cache_dir(os.environ)
    film = film or pull(find("bigbuckbunny"), cache)
    folder = cache / "benchmarks" / f"{film.stem}.{_FORMAT}"
    path = folder / f"{clip.name}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            written = Path(name, path.name)
            _write(clip, film, written)
            written.replace(path)
    return path


def _write(clip: Clip, film: Path, path: Path) -> None:
    width, height = clip.pixels
    options = {"crf": "21", "preset": "medium", "sc_threshold": "0"}
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        video = out.add_stream("libx264", FPS, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.gop_size = GOP
        sound = out.add_stream("aac", _SOUND_HZ, layout="mono")
        pictures = _endless(film, width, height)
        start = 37 * clip.number
        for frame, picture in enumerate(itertools.islice(pictures, start, start + clip.n_frames)):
            if clip.is_dirty(frame):
                x, y = centre(frame)
                at = (round(x * width), round(y * height))
                cv2.circle(picture, at, height // 40, MARK, thickness=cv2.FILLED)
            shown = av.VideoFrame.from_ndarray(picture, format="rgb24")
            shown.pts, shown.time_base = frame, Fraction(1, FPS)
            out.mux(video.encode(shown))
        out.mux(video.encode())
        for heard in _sound(clip.n_frames / FPS):
            out.mux(sound.encode(heard))
        out.mux(sound.encode())


def _endless(film: Path, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """``(height, width, 3)`` RGB pictures, forwards and backwards, for ever."""
    with av.open(str(film)) as file:
        kept = [frame.to_ndarray(format="bgr24") for frame in file.decode(video=0)]
    for picture in itertools.cycle((*kept, *kept[-2:0:-1])):
        high, wide, _ = picture.shape
        crop = min(wide, round(high * width / height))
        left = (wide - crop) // 2
        enlarged = cv2.resize(picture[:, left : left + crop], (width, height))
        yield np.ascontiguousarray(enlarged[:, :, ::-1])


def _sound(duration_s: float) -> Iterator[av.AudioFrame]:
    """A chord that swells, in frames of 1024 samples."""
    n_samples = round(duration_s * _SOUND_HZ)
    for start in range(0, n_samples, 1024):
        time_s = np.arange(start, min(start + 1024, n_samples)) / _SOUND_HZ
        chord = sum(np.sin(2 * np.pi * hertz * time_s) for hertz in (220, 277, 330))
        level = 0.2 + 0.1 * np.sin(2 * np.pi * 0.5 * time_s)
        frame = av.AudioFrame.from_ndarray((chord * level)[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = _SOUND_HZ, start, Fraction(1, _SOUND_HZ)
        yield frame


def named(name: str) -> Clip:
    """The clip that is called so.

    Raises:
        ValueError: no clip can be.
    """
    size, n_frames, share, *number = name.split("-")
    if size not in get_args(Size) or share not in get_args(Share):
        raise ValueError(f"expected a name like 720p-300-fifth, got {name!r}")
    return Clip(size, int(n_frames), share, int(*number))  # type: ignore[arg-type]


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--film", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(names: tuple[str, ...], film: Path | None) -> None:
    """Make clips and say where they are."""
    for name in names:
        print(made(named(name), film))


if __name__ == "__main__":
    main()

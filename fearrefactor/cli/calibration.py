"""Pictures that a model is calibrated on, from files of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.evaluate.look import observing
from fearrefactor.vision.quantize import PictureCollector
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def pictures_of(path: Path) -> list[NDArray[np.uint8]]:
    """Some of the frames of a video, of a picture or of all in a folder, ``(H, W, 3)`` uint8 RGB.

    They are decoded by the very steps that ``mask`` takes.

    Raises:
        MediaError: a file is no video or picture.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    collector = PictureCollector(DetectSettings().long_side)
    with ConsoleProgress(Console(stderr=True)) as progress, observing(collector, progress) as eyes:
        for file in files:
            eyes.watch(file)
    return collector.pictures

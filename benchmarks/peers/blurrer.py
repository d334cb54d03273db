"""Ultralytics' ObjectBlurrer as its documentation shows it: ``blurrer.py WEIGHTS CLIP… FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import ultralytics_scripted
from marks import mark
from ultralytics import solutions


def main(weights: str, *files: str) -> None:
    """Write the blurred videos into the folder."""
    *clips, folder = files
    ultralytics_scripted.install()
    blurrer = solutions.ObjectBlurrer(
        show=False, model=weights, blur_ratio=0.5, conf=0.25, device="cpu", verbose=False
    )
    blurrer(np.zeros((720, 1280, 3), np.uint8))
    mark("ready")
    for clip in clips:
        _blur(blurrer, clip, Path(folder) / Path(clip).name)
    mark("done")


def _blur(blurrer: Any, clip: str, out: Path) -> None:
    source = cv2.VideoCapture(clip)
    width, height = (
        int(source.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    writer = cv2.VideoWriter(
        str(out),
        cv2.VideoWriter_fourcc(*"mp4v"),
        source.get(cv2.CAP_PROP_FPS),
        (width, height),
    )
    while True:
        is_read, frame = source.read()
        if not is_read:
            break
        writer.write(blurrer(frame).plot_im)
    source.release()
    writer.release()


if __name__ == "__main__":
    main(*sys.argv[1:])

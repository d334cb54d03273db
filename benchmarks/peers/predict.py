"""``yolo predict save=True`` as a script: ``python predict.py WEIGHTS CLIP… FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import ultralytics_scripted
from marks import mark
from ultralytics import YOLO


def main(weights: str, *files: str) -> None:
    """Write the annotated videos into the folder."""
    *clips, folder = files
    ultralytics_scripted.install()
    model = YOLO(weights, task="segment")
    told = {"imgsz": 640, "conf": 0.25, "device": "cpu", "verbose": False}
    model.predict(np.zeros((720, 1280, 3), np.uint8), save=False, **told)
    mark("ready")
    where = {"project": str(Path(folder).absolute()), "name": "predicted", "exist_ok": True}
    for clip in clips:
        for _ in model.predict(clip, stream=True, save=True, **told, **where):
            pass
    mark("done")


if __name__ == "__main__":
    main(*sys.argv[1:])

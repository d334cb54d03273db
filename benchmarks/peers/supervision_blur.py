"""A script with supervision, after its guides: ``supervision_blur.py WEIGHTS CLIP… FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import supervision as sv
import ultralytics_scripted
from marks import mark
from ultralytics import YOLO


def main(weights: str, *files: str) -> None:
    """Write the blurred videos into the folder."""
    *clips, folder = files
    ultralytics_scripted.install()
    model = YOLO(weights, task="segment")
    told = {"imgsz": 640, "conf": 0.25, "device": "cpu", "verbose": False}
    model(np.zeros((720, 1280, 3), np.uint8), **told)
    mark("ready")
    annotator = sv.BlurAnnotator()
    for clip in clips:
        about = sv.VideoInfo.from_video_path(clip)
        with sv.VideoSink(str(Path(folder, Path(clip).name)), about) as sink:
            for frame in sv.get_video_frames_generator(clip):
                found = sv.Detections.from_ultralytics(model(frame, **told)[0])
                sink.write_frame(annotator.annotate(frame.copy(), found))
    mark("done")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Data sets of lamps for ``stub_model``, on disk as DAVIS and COCO lay theirs out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from lamp_clips import HEIGHT, LAMP_PX, WIDTH, corner, picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def davis_set(
    folder: Path, sequences: Mapping[str, str], n_frames: int = 12, step: int = 1
) -> Path:
    """A sequence for each name, with a lamp of its colour; every ``step``-th frame is annotated."""
    for name, colour in sequences.items():
        pictures = folder / "JPEGImages" / "480p" / name
        annotations = folder / "Annotations" / "480p" / name
        pictures.mkdir(parents=True)
        annotations.mkdir(parents=True)
        for index in range(n_frames):
            write_jpeg(pictures / f"{index:05}.jpg", picture([colour], index))
            if index % step == 0:
                drawn = lamp(colour, index).astype(np.uint8) * 255
                cv2.imwrite(str(annotations / f"{index:05}.png"), drawn)
    (folder / "classes.json").write_text(json.dumps(sequences), "utf-8")
    return folder


def coco_set(folder: Path, shining: list[list[str]], **changes: Any) -> Path:
    """The JSON file of images with lamps in them; ``changes`` are to its content."""
    images: list[dict[str, Any]] = []
    things: list[dict[str, Any]] = []
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    names = ["red", "green", "blue", "violet"]
    for index, colours in enumerate(shining):
        file_name = f"{index}.jpg"
        write_jpeg(folder / "images" / file_name, picture(colours, index))
        images.append({"id": index, "file_name": file_name, "width": WIDTH, "height": HEIGHT})
        for colour in colours:
            left, top = corner(colour, index)
            right, bottom = left + LAMP_PX, top + LAMP_PX
            things.append(
                {
                    "id": len(things) + 1,
                    "image_id": index,
                    "category_id": 10 * (names.index(colour) + 1),
                    "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                    "area": LAMP_PX**2,
                    "bbox": [left, top, LAMP_PX, LAMP_PX],
                    "iscrowd": 0,
                }
            )
    content = {
        "images": images,
        "annotations": things,
        "categories": [{"id": 10 * (i + 1), "name": name} for i, name in enumerate(names)],
        **changes,
    }
    path = folder / "annotations" / "instances_lamps.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def lamp(colour: str, index: int) -> NDArray[np.bool_]:
    """``(96, 160)`` bool: where the lamp is in frame ``index``."""
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    left, top = corner(colour, index)
    drawn[top : top + LAMP_PX, left : left + LAMP_PX] = True
    return drawn


def write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    """A JPEG of ``(height, width, 3)`` RGB."""
    assert cv2.imwrite(str(path), pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])

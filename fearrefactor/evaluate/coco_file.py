"""COCO instance annotations: which images, what is in them, and where the files are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pycocotools import mask as rle
from pydantic import BaseModel, Field, ValidationError

from fearrefactor.core.rle import Mask
from fearrefactor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


class Image(BaseModel):
    """A picture; ``file_name`` is relative to the folder of images."""

    id: int
    file_name: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Runs(BaseModel):
    """A run-length encoding, compressed or not; ``size`` is height and width."""

    counts: str | list[int]
    size: tuple[int, int]


class Annotation(BaseModel):
    """One thing in a picture, as polygons ``[x, y, x, y, …]`` or as runs; ``iscrowd``: many."""

    id: int
    image_id: int
    category_id: int
    segmentation: list[list[float]] | Runs
    area: float
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class Category(BaseModel):
    """A class of things."""

    id: int
    name: str


class Content(BaseModel):
    """What we read of such a file."""

    images: list[Image] = Field(min_length=1)
    annotations: list[Annotation]
    categories: list[Category] = Field(min_length=1)


@dataclass(frozen=True)
class CocoSet:
    """A file and the folder in which its images are."""

    content: Content
    images: Path

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its categories."""
        return tuple(category.name for category in self.content.categories)

    def of(self, image: Image, category_ids: Iterable[int]) -> list[Annotation]:
        """What is in an image of some categories."""
        wanted = set(category_ids)
        return [
            known
            for known in self.content.annotations
            if known.image_id == image.id and known.category_id in wanted
        ]


def read_coco(path: Path) -> CocoSet:
    """Annotations of a JSON file, with the folder in which the first of its images is.

    Raises:
        InputError: no such file, another kind of file, or the images are nowhere near; the message
            says where they were looked for.
    """
    try:
        content = Content.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (ValidationError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as COCO instance annotations, a JSON object with images, "
            f"annotations and categories: {error}"
        ) from error
    split = path.stem.rpartition("_")[2]  # instances_val2017.json → val2017
    beside, above = path.parent, path.parent.parent
    places = [beside, beside / "images", above / "images", above / "images" / split, above / split]
    name = content.images[0].file_name
    for place in places:
        if (place / name).is_file():
            return CocoSet(content, place)
    looked = ", ".join(str(place) for place in places)
    raise InputError(f"{path}: there is no image {name} in any of {looked}")


def drawn(annotations: Iterable[Annotation], image: Image) -> NDArray[np.bool_]:
    """``(height, width)`` bool: where any of them is.

    Raises:
        InputError: a segmentation is none, or is of another size than its image.
    """
    area = np.zeros((image.height, image.width), bool)
    for annotation in annotations:
        try:
            area |= _bits(annotation.segmentation, image)
        except (ValueError, TypeError, IndexError) as error:
            raise InputError(
                f"annotation {annotation.id} of {image.file_name}, {image.width} × {image.height} "
                f"pixels, has no segmentation that can be drawn: {error}"
            ) from error
    return area


def _bits(segmentation: list[list[float]] | Runs, image: Image) -> NDArray[np.bool_]:
    if isinstance(segmentation, Runs):
        return _mask(segmentation, image).bits() > 0
    if any(len(polygon) < 6 or len(polygon) % 2 for polygon in segmentation):
        raise ValueError("expected polygons of at least 3 points, as x, y, x, y")
    if not segmentation:
        raise ValueError("expected at least one polygon")
    parts: Any = rle.frPyObjects(segmentation, image.height, image.width)
    return np.asarray(rle.decode(rle.merge(parts)) > 0)


def _mask(runs: Runs, image: Image) -> Mask:
    height, width = runs.size
    if (height, width) != (image.height, image.width):
        raise ValueError(f"expected runs of its image's size, got {width} × {height}")
    if isinstance(runs.counts, str):
        return Mask(runs.counts, height, width)
    coded: Any = rle.frPyObjects({"counts": runs.counts, "size": [height, width]}, height, width)
    return Mask(coded["counts"].decode("ascii"), height, width)

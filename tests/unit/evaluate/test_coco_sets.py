from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from drawn_sets import coco_set, lamp

from fearrefactor.core.rle import encode
from fearrefactor.errors import InputError
from fearrefactor.evaluate.coco_file import Annotation, Image, drawn, read_coco

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = Image(id=1, file_name="1.jpg", width=160, height=96)
LAMP = lamp("red", 1)
#: Lengths of runs down the columns, from the first of zeros on.
RUNS = np.diff(np.flatnonzero(np.diff(LAMP.T.ravel().astype(int), prepend=0, append=0)))


def annotation(segmentation: Any) -> Annotation:
    return Annotation(
        id=7, image_id=1, category_id=1, segmentation=segmentation, area=1, bbox=(0, 0, 1, 1)
    )


def test_a_thing_is_drawn_alike_from_polygons_and_from_both_kinds_of_runs() -> None:
    box = [2, 8, 34, 8, 34, 40, 2, 40]
    (coded,) = encode(LAMP.astype(np.uint8)[None])
    first = int(np.flatnonzero(LAMP.T.ravel())[0])
    runs = [first, *RUNS.tolist()]
    runs.append(LAMP.size - sum(runs))
    for said in (
        [box],
        {"counts": coded.counts, "size": [96, 160]},
        {"counts": runs, "size": [96, 160]},
    ):
        assert np.array_equal(drawn([annotation(said)], IMAGE), LAMP), said


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([[1, 2, 3, 4]], "at least 3 points"),
        ([], "at least one polygon"),
        ({"counts": [5], "size": [5, 1]}, "runs of its image's size, got 1 × 5"),
        ({"counts": "0", "size": [96, 160]}, "expected runs over 96 × 160"),
    ],
)
def test_a_segmentation_that_cannot_be_drawn_is_named(segmentation: Any, said: str) -> None:
    with pytest.raises(InputError, match=r"annotation 7 of 1\.jpg, 160 × 96 pixels") as raised:
        drawn([annotation(segmentation)], IMAGE)
    assert said in str(raised.value)


@pytest.mark.parametrize("place", ["annotations", "annotations/images", "lamps", "images/lamps"])
def test_images_are_found_where_people_keep_them(tmp_path: Path, place: str) -> None:
    path = coco_set(tmp_path, [["red"]])
    (tmp_path / place).mkdir(exist_ok=True, parents=True)
    (tmp_path / "images/0.jpg").rename(tmp_path / place / "0.jpg")
    assert read_coco(path).images == tmp_path / place


def test_where_images_were_looked_for_is_said(tmp_path: Path) -> None:
    path = coco_set(tmp_path, [["red"]])
    (tmp_path / "images/0.jpg").unlink()
    with pytest.raises(InputError, match=r"there is no image 0\.jpg in any of .*/images/lamps"):
        read_coco(path)


def test_a_file_that_is_no_coco_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(InputError, match=r"there is no file .*x\.json"):
        read_coco(path)
    for text in ("{", '{"images": []}', "[1]"):
        path.write_text(text, "utf-8")
        with pytest.raises(InputError, match=r"x\.json cannot be read as COCO instance"):
            read_coco(path)

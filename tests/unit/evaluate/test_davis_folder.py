from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from drawn_sets import davis_set, lamp
from values import video_info

from fearrefactor.errors import InputError
from fearrefactor.evaluate.davis import read_davis

if TYPE_CHECKING:
    from pathlib import Path


def test_sequences_are_read_by_name_with_their_classes(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"street": "red", "garden": "green"}, 3)
    (folder / "classes.json").write_text('{"street": ["red", "blue"], "garden": "green"}', "utf-8")
    garden, street = read_davis(folder, None)
    assert (garden.name, garden.classes) == ("garden", ("green",))
    assert (street.name, street.classes) == ("street", ("red", "blue"))
    assert [path.name for path in street.pictures] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert [one.classes for one in read_davis(folder, ("blue",))] == [("blue",), ("blue",)]


def test_only_annotated_frames_have_a_truth_and_any_colour_but_black_is_the_object(
    tmp_path: Path,
) -> None:
    folder = davis_set(tmp_path, {"street": "red"}, 6, step=3)
    coloured = np.zeros((96, 160, 3), np.uint8)
    coloured[lamp("red", 3)] = (1, 0, 0)
    cv2.imwrite(str(folder / "Annotations/480p/street/00003.png"), coloured)
    (street,) = read_davis(folder, None)
    truth = dict(street.truth(video_info(width_px=160, height_px=96)))
    assert list(truth) == [0, 3]
    assert all(np.array_equal(truth[frame], lamp("red", frame)) for frame in truth)


def test_an_annotation_of_another_size_than_its_picture_is_refused(tmp_path: Path) -> None:
    (street,) = read_davis(davis_set(tmp_path, {"street": "red"}, 1), None)
    with pytest.raises(InputError, match=r"00000.png is 160 × 96 pixels.*00000.jpg 320 × 96"):
        list(street.truth(video_info(width_px=320, height_px=96)))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = davis_set(tmp_path / "set", {"street": "red"}, 2)
    drawn = folder / "Annotations/480p/street"
    (drawn / "00001.png").rename(drawn / "00007.png")
    with pytest.raises(InputError, match=r"00007.png belong to no picture"):
        read_davis(folder, None)
    (drawn / "00007.png").unlink()
    (drawn / "00000.png").unlink()
    with pytest.raises(InputError, match=r"no frame of .*street is annotated"):
        read_davis(folder, None)
    (folder / "classes.json").write_text('{"garden": "green"}', "utf-8")
    with pytest.raises(InputError, match=r"classes.json says nothing of street: .*--classes"):
        read_davis(folder, None)
    (folder / "classes.json").write_text('{"garden": 7}', "utf-8")
    with pytest.raises(InputError, match=r"classes.json cannot be read: expected"):
        read_davis(folder, None)
    (folder / "classes.json").unlink()
    with pytest.raises(InputError, match=r"there is no .*classes.json: it maps each sequence"):
        read_davis(folder, None)
    drawn.rename(drawn.with_name("garden"))
    with pytest.raises(InputError, match=r"pictures: street; annotations: garden"):
        read_davis(folder, None)
    shutil.rmtree(folder / "Annotations")
    with pytest.raises(InputError, match=r"there is no folder .*Annotations; expected JPEGImages"):
        read_davis(folder, None)


def test_a_sequence_in_two_sizes_is_refused(tmp_path: Path) -> None:
    folder = davis_set(tmp_path, {"street": "red"}, 1)
    shutil.copytree(folder / "JPEGImages/480p", folder / "JPEGImages/1080p")
    with pytest.raises(InputError, match=r"street is there twice: .*1080p.* and .*480p"):
        read_davis(folder, None)

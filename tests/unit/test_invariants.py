"""The scanner of the reliability tries finds what it is there to find."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import pytest
from invariants import (
    Leak,
    assert_a_rerun_does_nothing,
    assert_invariants,
    assert_nothing_is_left,
    find_leaks,
)
from lamp_clips import picture
from nights import Night, films, rows_in

from fearrefactor.storage.thumbnail_log import read_thumbnails, write_thumbnails

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def night(tmp_path: Path) -> Night:
    rows = rows_in(tmp_path / "films", films(2, lit={"red": range(3, 9)}))
    return Night(str(tmp_path / "out"), rows)


def test_a_night_without_trouble_keeps_every_invariant(night: Night, tmp_path: Path) -> None:
    report, _ = night.run()
    assert report.outcomes == {"masked": 2}
    assert_invariants(night)
    assert_nothing_is_left(night, tmp_path)
    assert_a_rerun_does_nothing(night)


def test_an_unmasked_film_is_found_wherever_it_lies_and_its_frames_are_named(
    night: Night, tmp_path: Path
) -> None:
    film = (tmp_path / "films" / "film-00001.mp4").read_bytes()
    night.store().create("plans/film.bin", film, {})
    assert find_leaks(night.store()) == [Leak("plans/film.bin", 1, frame) for frame in range(3, 9)]


def test_a_small_picture_of_an_unmasked_frame_is_found_in_its_log(
    night: Night, tmp_path: Path
) -> None:
    night.run()
    store = night.store()
    (key,) = [found.key for found in store.list("thumbnails/film-00000.")]
    kept, told = read_thumbnails(store.root / key)
    frame = picture(["red"], 4)
    _, jpeg = cv2.imencode(".jpg", frame[:, :, ::-1])
    spoilt = (kept[0], replace(kept[1], jpeg=jpeg.tobytes()))
    write_thumbnails(tmp_path / "t.parquet", spoilt, **told)
    store.create("thumbnails/t.parquet", tmp_path / "t.parquet", {})
    assert {leak.key for leak in find_leaks(store)} == {"thumbnails/t.parquet"}


def test_an_unmasked_picture_is_found_in_the_page_of_a_run(night: Night) -> None:
    night.run()
    store, page = night.store(), night.folder().page_key
    assert b"/9j/" in store.open(page).read()  # it shows masked ones, which are none
    assert find_leaks(store) == []
    _, jpeg = cv2.imencode(".jpg", picture(["red"], 4)[:, :, ::-1])
    shown = base64.b64encode(jpeg.tobytes())
    store.replace(page, b'<p>{"source_jpeg":"' + shown + b'"}</p>', "text/html")
    assert [leak.key for leak in find_leaks(store)] == [page]


def test_a_result_without_small_pictures_is_not_whole(night: Night) -> None:
    night.run()
    store = night.store()
    (key,) = [found.key for found in store.list("thumbnails/film-00001.")]
    store.delete(key)
    with pytest.raises(AssertionError, match="film-00001"):
        assert_invariants(night)


def test_a_result_that_was_swapped_is_found_by_its_checksum(night: Night, tmp_path: Path) -> None:
    night.run()
    path = next((tmp_path / "out" / "videos").glob("film-00000.*"))
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(AssertionError, match="film-00000"):
        assert_invariants(night)

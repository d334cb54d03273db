from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from synthetic import everything, plain

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


def test_a_film_is_told_as_json(shell: Shell, films: Path) -> None:
    said = shell("inspect", films / "red.mp4", "--json")
    assert said.code == 0
    told = json.loads(said.out)
    assert (told["container"], told["codec"], told["width_px"]) == ("mov", "h264", 160)
    assert (told["n_frames"], told["n_packets"], told["unusual"]) == (24, 24, [])
    assert [segment["first_frame"] for segment in told["segments"]] == [0, 12]


def test_a_film_is_told_to_people(shell: Shell, films: Path) -> None:
    said = shell("inspect", films / "red.mp4").out
    assert "mov, h264 160 × 96 yuv420p, 24 frames, 1.00 s at 24.000 frames/s" in said
    assert "closed GOPs: where it can be cut" in said
    assert "if something is masked: only the GOPs that hold it are rendered" in said
    assert "unusual: nothing" in said


def test_why_a_film_would_be_rendered_whole_is_said(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "film.webm"
    path.write_bytes(plain(codec="libvpx-vp9", muxer="webm"))
    assert "the whole video is rendered: vp9 is not spliced" in shell("inspect", path).out


@pytest.mark.parametrize(
    ("film", "said"),
    [(plain(rotation_deg=90), "turned by 90°"), (everything(), "left out")],
)
def test_what_sets_a_film_apart_is_named(
    shell: Shell, tmp_path: Path, film: bytes, said: str
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    assert any(said in fact for fact in json.loads(shell("inspect", path, "--json").out)["unusual"])


def test_a_file_that_is_not_there_is_an_error(shell: Shell, tmp_path: Path) -> None:
    said = shell("inspect", tmp_path / "nobody.mp4")
    assert (said.code, said.out) == (1, "")
    assert "there is no file" in said.err


@pytest.mark.parametrize("content", [b"", b"plain text", b"#EXTM3U\nsecret.ts\n"])
def test_what_is_no_film_is_an_error_in_one_line(
    shell: Shell, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    said = shell("inspect", path)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1

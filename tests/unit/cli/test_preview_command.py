from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


def test_a_sheet_is_written_and_told_of(
    shell: Shell, films: Path, random_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.png"
    words = ("preview", films / "red.mp4", "--classes", "dog", "--model", random_model)
    said = shell(*words, "--frames", 3, "-o", path)
    assert (said.code, said.err) == (0, "")
    assert "│ 0.50 s │    12 │ nothing │" in said.out
    assert "3 of 24 frames looked at, 0 with something to mask" in said.out
    assert "nothing proves that the model saw" in said.out
    assert "Each frame by itself" in said.out
    assert str(path) in said.out
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_a_source_that_fails_leaves_no_file(
    shell: Shell, films: Path, random_model: Path, tmp_path: Path
) -> None:
    for name in ("notes.txt", "nobody.mp4"):
        words = ("preview", films / name, "--classes", "dog", "--model", random_model)
        said = shell(*words, "-o", tmp_path / "sheet.png")
        assert said.code == 1
        assert said.err.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_as_it_is(shell: Shell, films: Path, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_bytes(b"mine")
    said = shell("preview", films / "red.mp4", "--classes", "dog", "-o", path)
    assert said.code == 1
    assert f"{path} is already there" in said.err
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--classes", "dog", "-o", "sheet.jpg"), "ends in .png"),
        ((), "say what to mask"),
        (("--classes", "dog", "--policy", "people"), "say what to mask"),
        (("--classes", "dog", "--frames", "0"), "--frames"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    shell: Shell, films: Path, options: tuple[str, ...], said: str
) -> None:
    refused = shell("preview", films / "red.mp4", *options)
    assert (refused.code, refused.out) == (1, "")
    assert said in refused.err

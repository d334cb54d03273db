from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lamp_clips import picture

from fearrefactor.cli.forecast import drawn
from fearrefactor.storage.manifest_file import RawRow

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Said, Shell


class Mask:
    """``mask`` of one film that is there, with the options of a test."""

    def __init__(self, shell: Shell, film: Path, output: Path, model: Path) -> None:
        self._shell = shell
        self._words = ("mask", film, "--model", model)
        self.output = output

    def __call__(self, *options: object, output: Path | str | None = None) -> Said:
        return self._shell(*self._words, "--output", output or self.output, *options)


@pytest.fixture
def mask(shell: Shell, films: Path, tmp_path: Path, random_model: Path) -> Mask:
    return Mask(shell, films / "red.mp4", tmp_path / "out", random_model)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "either --classes person,dog or --policy NAME"),
        (("--classes", "dog", "--policy", "people"), "either --classes person,dog or --policy"),
        (("--policy", "people", "--effect", "fill"), "--effect and --confidence go with --classes"),
        (
            ("--policy", "people", "--confidence", "0.5"),
            "go with --classes; a policy has all three",
        ),
        (("--policy", "people", "--preset", "strict"), "--preset, --effect and --confidence go"),
        (("--classes", "dog", "--preset", "lax"), "'lax' is not one of 'comfort', 'privacy'"),
        (("--classes", " , "), "--classes is empty"),
        (("--classes", "dog", "--confidence", "0"), "Invalid value for '--confidence'"),
        (("--classes", "dog", "--effect", "hide"), "'hide' is not one of 'blur', 'mosaic', 'fill'"),
        (
            ("--classes", "dog", "--nodes", "2"),
            "--nodes, --price-per-node-hour and --sample go with",
        ),
        (("--classes", "dog", "--shard", "0/4"), "'--shard': shard 0/4: expected I/N with I"),
        (("--classes", "dog", "--workers", "0"), "Invalid value for '--workers'"),
        (("--classes", "dog", "--limit", "fps=many"), "fps=many: Input should be a valid number"),
        (("--classes", "dog", "--limit", "size=1"), "'size=1': expected NAME=NUMBER, each NAME"),
        (("--classes", "dog", "--limit", "fps=1", "--limit", "fps=2"), "'fps=2': expected NAME="),
        (("--policy", "nobody"), "there is no policy 'nobody'; expected animals, faces, people"),
        (("--policy", "nobody.yaml"), "there is no policy file nobody.yaml"),
        (("--classes", "dog", "--model", "nobody.onnx"), "there is no model file nobody.onnx"),
        (("--classes", "dog", "--model", "yolov5s-sge"), "nearest: yolov5s-seg"),
    ],
)
def test_options_that_make_no_sense_end_the_run_before_it_begins(
    mask: Mask, options: tuple[str, ...], said: str
) -> None:
    answer = mask(*options)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert not mask.output.exists()


def test_a_class_that_the_model_lacks_ends_the_run_with_the_nearest_names(mask: Mask) -> None:
    answer = mask("--classes", "teddy bare")
    assert answer.code == 1
    assert "model random has no class 'teddy bare'; nearest: teddy bear" in answer.err
    assert [path for path in mask.output.rglob("*") if path.is_file()] == []


def test_names_with_spaces_may_be_quoted_within_classes(mask: Mask) -> None:
    answer = mask("--classes", "dog, 'teddy bear',\"fire hydrant\"", "--dry-run")
    assert (answer.code, answer.err) == (0, "")


def test_an_output_that_is_a_file_ends_the_run(mask: Mask, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", "utf-8")
    for output in (file, file / "below"):
        answer = mask("--classes", "dog", output=output)
        assert answer.code == 1
        assert str(file) in answer.err
    assert file.read_text("utf-8") == "mine"


def test_an_output_with_an_unknown_scheme_ends_the_run(mask: Mask) -> None:
    answer = mask("--classes", "dog", output="gs://bucket/x")
    assert answer.code == 1
    assert "scheme 'gs' is unknown; use s3://, file:// or a path" in answer.err


def test_a_dry_run_says_what_would_be_done_and_does_nothing(mask: Mask) -> None:
    answer = mask("--classes", "dog", "--dry-run")
    assert answer.code == 0
    assert "1 videos, 24 frames, 1 segments; about" in answer.out
    assert "if every frame is masked" in answer.out
    assert "node-hours" not in answer.out
    assert not mask.output.exists()


def test_a_dry_run_names_rows_that_would_fail(
    shell: Shell, random_model: Path, films: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "tonight.jsonl"
    good, other = {"uri": str(films / "red.mp4")}, {"uri": "https://host/x.mp4"}
    lines = [json.dumps(good), "no json", json.dumps(other)]
    manifest.write_text("\n".join(lines), "utf-8")
    words = ("mask", manifest, "-o", tmp_path / "out", "--model", random_model)
    answer = shell(*words, "--classes", "dog", "--dry-run", "--workers", "3")
    assert answer.code == 0
    assert "bad_row: row 2 cannot be read: line 2 is no JSON" in answer.out
    assert "unknown_scheme: " in answer.out
    assert "on 3 cores" in answer.out


def test_a_dry_run_concludes_from_a_sample_to_all_rows_on_many_machines_and_their_price(
    shell: Shell, random_model: Path, films: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "tonight.jsonl"
    row = json.dumps({"uri": str(films / "red.mp4")})
    manifest.write_text("\n".join([row] * 5000), "utf-8")
    words = ("mask", manifest, "-o", tmp_path / "out", "--model", random_model, "--classes", "dog")
    details = ("--sample", 2, "--nodes", 1000, "--workers", 8000, "--price-per-node-hour", 2)
    answer = shell(*words, "--dry-run", *details)
    assert answer.code == 0
    assert "about 5000 videos, 120000 frames, 5000 segments; about" in answer.out
    assert "on 1000 machines with 8 cores like these each; bound by: driver\n" in answer.out
    assert "2 of 5000 rows, drawn at random, were opened" in answer.out
    low, high, low_price, high_price = map(
        float,
        re.search(r"(\S+) to (\S+) node-hours, which cost (\S+) to (\S+)", answer.out).groups(),  # type: ignore[union-attr]
    )
    assert 0 < low < high
    assert (low_price, high_price) == pytest.approx((2 * low, 2 * high), abs=0.02)
    assert "jobs over the same rows would wait for no driver" in answer.out


@given(st.integers(0, 300), st.integers(1, 50))
def test_a_sample_is_as_many_rows_as_may_be_in_their_order(n_rows: int, most: int) -> None:
    rows = [RawRow(number, {"uri": str(number)}) for number in range(1, n_rows + 1)]
    chosen, told = drawn(iter(rows), most)
    assert told == n_rows
    assert len(chosen) == min(n_rows, most)
    assert chosen == [row for row in rows if row in chosen]


def test_a_sample_is_drawn_from_all_rows_alike() -> None:
    chosen, _ = drawn((RawRow(number, {}) for number in range(1, 100_001)), 1000)
    quarters = [sum(row.number > 25_000 * n for row in chosen) for n in (1, 2, 3)]
    assert quarters == pytest.approx([750, 500, 250], abs=60)


def test_a_film_beyond_a_limit_that_was_given_is_refused(mask: Mask) -> None:
    answer = mask("--classes", "dog", "--dry-run", "--limit", "pixels=15359")
    assert "limit_pixels: " in answer.out
    assert "160 × 96 pixels: more than 15359 (limit max_pixels; --limit pixels=" in answer.out


def test_a_dry_run_holds_classes_against_the_model(mask: Mask) -> None:
    answer = mask("--classes", "dgo", "--dry-run")
    assert answer.code == 1
    assert "nearest: dog" in answer.err


def test_a_canary_is_a_picture_in_which_the_model_sees_something(
    mask: Mask, films: Path, tmp_path: Path
) -> None:
    text = films / "notes.txt"
    answer = mask("--classes", "dog", "--canary", text)
    assert (answer.code, answer.out) == (1, "")
    assert f"{text} is no picture to test a model with" in answer.err

    path = tmp_path / "lamp.png"
    assert cv2.imwrite(str(path), picture(["red"]))
    answer = mask("--classes", "dog", "--canary", path)
    assert (answer.code, answer.out) == (1, "")
    assert f"model random sees nothing in {path}; expected a picture in which" in answer.err
    assert not (mask.output / "runs").exists()

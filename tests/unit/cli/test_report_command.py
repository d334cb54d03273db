"""``fearrefactor report`` on runs that have ended."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from lamp_clips import clip
from nights import Night, rows_in
from reported import EndedRun, video
from stub_model import COLOURS, lamp_bits

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell

RED = COLOURS.index("red")


def has_lamp(jpeg: str) -> bool:
    with av.open(io.BytesIO(base64.b64decode(jpeg))) as picture:
        (frame,) = picture.decode(video=0)
    return bool(lamp_bits(frame.to_ndarray(format="rgb24").astype(np.uint8), RED).any())


def details_in(page: Path) -> list[dict[str, object]]:
    """The blocks of JSON with the details of videos."""
    blocks = page.read_text("utf-8").split('<script type="application/json"')[1:]
    told = [json.loads(block.split(">", 1)[1].split("</script>")[0]) for block in blocks]
    return [one for one in told if "pictures" in one]


def test_the_page_of_a_run_is_written_into_its_folder_over_an_earlier_one(
    shell: Shell, tmp_path: Path
) -> None:
    run = EndedRun(tmp_path)
    run.write([run.masked(1), video(2)])
    page = tmp_path / "runs" / "night" / "report" / "index.html"
    page.parent.mkdir()
    page.write_text("an earlier one")
    said = shell("report", run.folder.uri)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"2 rows, 2 of them listed, 2 in detail\npage        {page}\n"
    assert len(details_in(page)) == 2


def test_a_page_of_single_videos_is_written_where_it_is_wanted(
    shell: Shell, tmp_path: Path
) -> None:
    run = EndedRun(tmp_path / "out")
    run.write([run.masked(1), run.masked(2)])
    page = tmp_path / "two.html"
    said = shell("report", run.folder.uri, "--only", "film-2", "--output", page, "--json")
    assert said.code == 0
    assert json.loads(said.out) == {
        "run": run.folder.uri,
        "page": str(page),
        "plots": [],
        "rows": 2,
        "listed": 1,
        "detailed": 1,
    }
    (detail,) = details_in(page)
    assert detail["row"] == 2
    assert not run.folder.has_page


def test_what_is_not_for_everybody_is_written_here_and_not_into_the_run(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = EndedRun(tmp_path / "out")
    run.write([video(1), video(2)])
    for words in (["--only", "film-1"], ["--include-source"]):
        assert shell("report", run.folder.uri, *words).code == 0
        assert list(tmp_path.rglob("*.html")) == [tmp_path / "night.html"]
        (tmp_path / "night.html").unlink()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "page.txt"], "ends in .html"),
        (["--output", "page.html", "--only", "film-7"], "no video with the id 'film-7'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = EndedRun(tmp_path / "out")
    run.write([run.masked(1)])
    said = shell("report", run.folder.uri, *words)
    assert (said.code, message in said.err) == (1, True)
    assert not list(tmp_path.rglob("*.html"))


def test_a_run_that_has_not_ended_has_no_page_yet(shell: Shell, tmp_path: Path) -> None:
    said = shell("report", tmp_path / "runs" / "night")
    assert (said.code, "holds no videos.parquet; is that run done?" in said.err) == (1, True)


def test_sources_are_decoded_only_where_they_are_asked_for(shell: Shell, tmp_path: Path) -> None:
    lit = {"red": range(30, 40)}
    rows = rows_in(tmp_path / "films", [clip(lit, 48)])
    night = Night(str(tmp_path / "out"), rows)
    night.run()
    run, page = night.folder().uri, tmp_path / "with.html"
    assert shell("report", run, "--output", page).code == 0
    (detail,) = details_in(page)
    assert {one["source_jpeg"] for one in detail["pictures"]} == {None}  # type: ignore[attr-defined]
    assert shell("report", run, "--output", page, "--include-source").code == 0
    (detail,) = details_in(page)
    pictures: list[dict[str, object]] = detail["pictures"]  # type: ignore[assignment]
    shown = {one["frame"]: has_lamp(str(one["source_jpeg"])) for one in pictures}
    assert shown == {frame: frame in lit["red"] for frame in shown}  # type: ignore[operator]
    assert any(shown.values())
    assert not any(has_lamp(str(one["jpeg"])) for one in pictures)

    (tmp_path / "films" / "film-00000.mp4").write_bytes(b"another one")
    assert shell("report", run, "--output", page, "--include-source").code == 0
    (detail,) = details_in(page)
    assert "its source cannot be shown" in str(detail["notes"])
    assert {one["source_jpeg"] for one in detail["pictures"]} == {None}  # type: ignore[attr-defined]


def test_plots_are_drawn_of_videos_with_names_of_any_kind(shell: Shell, tmp_path: Path) -> None:
    run = EndedRun(tmp_path)
    names = ["$\\frac{1}$ _^{", "\U0001f600 </svg>", "film-3"]
    videos = [run.masked(row, id=name) for row, name in enumerate(names, start=1)]
    run.write([*videos, video(4, "failed", seconds={})])
    (tmp_path / str(videos[2].plan_key)).unlink()
    said = shell("report", run.folder.uri, "--plots", tmp_path / "plots", "--json")
    (complaint,) = said.err.splitlines()
    assert said.code == 0
    assert "row 3 (film-3) is left out of the timelines: " in complaint
    told = [name.rsplit("/", 1)[1] for name in json.loads(said.out)["plots"]]
    assert told == ["timeline-1.png", "timeline-2.png", "stages.png"]
    for name in told:
        with av.open(str(tmp_path / "plots" / name)) as picture:
            pixels = next(picture.decode(video=0)).to_ndarray(format="rgb24")
        assert pixels.shape[1] >= 900
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
    assert {path.name for path in (tmp_path / "plots").iterdir()} == set(told)


def test_a_run_loads_nothing_that_only_pictures_and_questions_need() -> None:
    asked = "import sys, fearrefactor.cli.main; print({'matplotlib', 'duckdb'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True)
    assert said.stdout.strip() == b"set()"

"""Whole runs from the command line; what needs no model that sees runs with one that does not."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import duckdb
import pytest
from lamp_clips import picture
from ledgers import begun, taken, write_ledger

from fearrefactor.core.report import VideoReport
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.report_log import read_facts, read_reports
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from shell import Said, Shell


class Runs:
    """``mask`` into one output folder."""

    def __init__(self, shell: Shell, output: Path, model: Path) -> None:
        self._shell = shell
        self._model = model
        self.output = output

    def __call__(self, run_id: str, *words: object) -> Said:
        fixed = ("--output", self.output, "--model", self._model, "--run-id", run_id)
        return self._shell("mask", *words, *fixed)

    def parquet(self, run_id: str) -> Path:
        return self.output / "runs" / run_id / "videos.parquet"

    def reports(self, run_id: str) -> list[VideoReport]:
        rows = [VideoReport.model_validate(row) for row in read_reports(self.parquet(run_id))]
        return sorted(rows, key=lambda report: report.row)

    def results(self) -> set[str]:
        return {path.name for path in (self.output / "videos").iterdir() if path.is_file()}


@pytest.fixture
def runs(shell: Shell, tmp_path: Path, random_model: Path) -> Runs:
    return Runs(shell, tmp_path / "out", random_model)


def query(path: Path, sql: str) -> duckdb.DuckDBPyRelation:
    found = duckdb.sql(sql, params=[str(path)])
    assert found is not None
    return found


def n_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_one_film_is_done_with_a_table_and_the_places_of_everything(
    runs: Runs, films: Path
) -> None:
    said = runs("first", films / "red.mp4", "--classes", "dog")
    assert (said.code, said.err) == (0, "")
    (report,) = runs.reports("first")
    assert (report.outcome, report.n_frames, report.policy) == ("clean", 24, "from-options")
    assert report.ended_at is not None
    assert abs(report.ended_at.timestamp() - runs.parquet("first").stat().st_mtime) < 60
    assert "nothing proves that the model saw: random sees nothing" in " ".join(report.notes)
    assert f"clean: {report.id}: 24 frames, 0 masked\n" in said.out
    assert "run first" in said.out
    assert "1 rows: 1 clean\n" in said.out
    for key in (report.output_key, report.detections_key):
        assert f"{runs.output / str(key)}\n" in said.out
    assert f"report      {runs.parquet('first')}\n" in said.out
    assert n_frames(runs.output / str(report.output_key)) == 24
    success = json.loads((runs.parquet("first").parent / "_SUCCESS").read_bytes())
    assert success == {"run_id": "first", "rows": 1, "outcomes": {"clean": 1}}


def test_a_run_goes_on_only_with_what_it_was_begun_with(runs: Runs, films: Path) -> None:
    folder = RunFolder(FolderStore(runs.output), "", "first")
    write_ledger(folder, begun("first"), taken(1, uri="other.mp4"))
    said = runs("first", films / "red.mp4", "--classes", "dog")
    assert (said.code, said.out) == (1, "")
    assert "run first was begun with another model; choose another --run-id" in said.err
    assert not (runs.output / "scratch").exists()


def test_the_same_again_is_reused_and_the_same_run_id_is_refused(runs: Runs, films: Path) -> None:
    runs("first", films / "red.mp4", "--classes", "dog")
    before = runs.parquet("first").read_bytes()
    taken = runs("first", films / "red.mp4", "--classes", "cat")
    assert (taken.code, taken.out) == (1, "")
    assert "run first is already there; choose another --run-id" in taken.err
    assert runs.parquet("first").read_bytes() == before

    again = runs("second", films / "red.mp4", "--classes", "dog")
    assert "(done by an earlier run)" in again.out
    assert "1 of them done by an earlier run" in again.out
    assert [report.reused for report in runs.reports("second")] == [True]
    assert len(runs.results()) == 1

    other = runs("third", films / "red.mp4", "--classes", "cat", "--preset", "strict")
    assert "detections reused for 1 videos, model calls: 0\n" in other.out
    (report,) = runs.reports("third")
    assert (report.detections_reused, report.n_model_frames) == (True, 0)
    assert len(runs.results()) == 2


def test_reports_and_detections_are_read_by_duckdb_in_three_lines(runs: Runs, films: Path) -> None:
    runs("first", films / "red.mp4", "--classes", "dog")
    reports, detections = runs.parquet("first"), runs.output / "detections" / "*.parquet"
    found = query(reports, "SELECT outcome, sum(n_frames) FROM read_parquet($1) GROUP BY ALL")
    assert found.fetchall() == [("clean", 24)]
    seen = query(detections, "SELECT frame, time_s, class, score FROM read_parquet($1)")
    assert seen.columns == ["frame", "time_s", "class", "score"]


@pytest.mark.parametrize(
    ("source", "code"), [("nobody.mp4", "not_found"), ("https://host/x.mp4", "unknown_scheme")]
)
def test_a_source_that_cannot_be_had_is_a_row_with_its_reason(
    runs: Runs, tmp_path: Path, source: str, code: str
) -> None:
    uri = source if "://" in source else str(tmp_path / source)
    said = runs("first", uri, "--classes", "dog")
    assert said.code == 2
    (report,) = runs.reports("first")
    assert (report.uri, report.outcome, report.code) == (uri, "failed", code)
    assert f"failed ({code})" in said.out
    assert "1 rows: 1 failed" in said.out
    assert not (runs.output / "videos").exists()


@pytest.mark.parametrize(("suffix", "codec"), [(".png", "png"), (".jpg", "mjpeg")])
def test_an_image_comes_out_as_an_image_of_its_kind(
    runs: Runs, tmp_path: Path, suffix: str, codec: str
) -> None:
    source = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(source), picture(["red"])[:, :, ::-1])
    said = runs("first", source, "--classes", "dog", "--contact-sheet")
    assert said.code == 0, said.out
    (report,) = runs.reports("first")
    result = runs.output / str(report.output_key)
    assert result.suffix == suffix
    with av.open(str(result)) as container:
        stream = container.streams.video[0]
        assert (stream.codec.name, stream.width, stream.height) == (codec, 160, 96)
    assert f"before/after {result.with_suffix('.before-after.png')}\n" in said.out


def write_manifest(folder: Path, films: Path) -> Path:
    """Three good rows, one of them by a policy of its own, and five that are not."""
    (folder / "dogs.yaml").write_text("name: dogs\nrules: [{classes: [dog]}]", "utf-8")
    (folder / "clowns.yaml").write_text("rules: [{classes: [clown]}]", "utf-8")
    cv2.imwrite(str(folder / "picture.png"), picture(["red"]))
    rows = [
        ("red", films / "red.mp4", "", "night"),
        ("green", films / "deep" / "green.mp4", folder / "dogs.yaml", ""),
        ("picture", folder / "picture.png", "people", "day"),
        ("gone", folder / "gone.mp4", "", "day"),
        ("text", films / "notes.txt", "", ""),
        ("red", films / "red.mp4", "", ""),
        ("clowns", films / "red.mp4", folder / "clowns.yaml", ""),
        ("nowhere", films / "red.mp4", "nobody", ""),
    ]
    path = folder / "tonight.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "uri", "policy", "shift"), *rows])
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("no_ray")
def test_a_manifest_and_a_folder_are_done_by_a_ray_of_our_own(
    runs: Runs, films: Path, tmp_path: Path
) -> None:
    sources = write_manifest(tmp_path, films), films
    said = runs("night", *sources, "--classes", "cat", "--workers", "1")
    assert said.code == 2, said.err
    reports = runs.reports("night")
    assert [(r.row, r.outcome, r.code) for r in reports] == [
        (1, "clean", None),
        (2, "clean", None),
        (3, "clean", None),
        (4, "failed", "not_found"),
        (5, "failed", "not_a_video"),
        (6, "failed", "duplicate_id"),
        (7, "failed", "unknown_class"),
        (8, "failed", "bad_policy"),
        (9, "clean", None),
        (10, "clean", None),
    ]
    assert [r.policy for r in reports[:3]] == ["from-options", "dogs", "people"]
    facts = read_facts(runs.parquet("night"))
    named = {digest: policy.name for digest, policy in facts.policies.items()}
    assert named == {str(r.policy_digest): r.policy for r in reports if r.policy_digest}
    assert all(policy.digest() == digest for digest, policy in facts.policies.items())
    assert (facts.settings["workers"], facts.drivers) == ("1", 1)
    assert facts.ended_at == max(r.ended_at for r in reports if r.ended_at is not None)
    assert [r.extra for r in reports[:4]] == [
        {"shift": "night"},
        {},
        {"shift": "day"},
        {"shift": "day"},
    ]
    assert "10 rows: 5 clean, 5 failed" in said.out
    assert {Path(str(r.output_key)).name for r in reports if r.output_key} == runs.results()
    shift = query(runs.parquet("night"), "SELECT extra['shift'] FROM read_parquet($1) ORDER BY row")
    assert shift.fetchall()[0] == ("night",)
